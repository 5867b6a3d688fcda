# SPDX-License-Identifier: BSD-2-Clause
#
# Debian packages, as debian/ says: of the toolstack for this machine's architecture,
# of the hypervisor and of the module's source for all.

.PHONY: deb test-deb
deb: $(sysroot-stamp) ## Debian packages of all of it, in build/deb
	$(Q)scripts/host-packages $(deb-host-packages)
	$(Q)scripts/build-debs $(O)/deb $(VERSION) $(sysroot)

test-deb: deb $(kernel-stamp) ## Debian packages: lintian, and their life in a fresh Debian
	$(Q)scripts/host-packages $(deb-test-packages)
	$(Q)$(run-tests) --pytest tests/packages
