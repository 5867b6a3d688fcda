// SPDX-License-Identifier: GPL-2.0
/*
 * zonevisor.ko: binds to the /hypervisor node that the hypervisor puts into
 * zone0's device tree, takes its event interrupts, shows it in /sys/hypervisor.
 */
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kobject.h>
#include <linux/miscdevice.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/sysfs.h>
#include <zv/version.h>

#include "zv_internal.h"

static_assert(sizeof(struct zv_info) == 120);
static_assert(sizeof(struct zv_zone_create) == 232);
static_assert(sizeof(struct zv_zone_info) == 352);
static_assert(sizeof(struct zv_counters) == 776);
static_assert(sizeof(struct zv_vcpu_state) == 352);
static_assert(sizeof(struct zv_shadow_actions) == 2056);
static_assert(sizeof(struct zv_shadow_update) == 2056);
static_assert(sizeof(struct zv_io_complete) == 2072);
static_assert(sizeof(struct zv_host_page) == ZV_PAGE_SIZE);
static_assert(sizeof(struct zv_io_page) == ZV_PAGE_SIZE);
static_assert(sizeof(struct zv_event) == 40);
/* A page of zone0 is a page of the hypervisor, a huge page is a chunk. */
static_assert(PAGE_SIZE == ZV_PAGE_SIZE);
static_assert(PMD_SIZE == ZV_CHUNK_SIZE);

struct zv_host zv_host = {
	.mutex = __MUTEX_INITIALIZER(zv_host.mutex),
	.zones = XARRAY_INIT(zv_host.zones, 0),
};

static struct miscdevice zv_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "zonevisor",
	.fops = &zv_device_fops,
	.mode = 0600,
};

/* ------------------------------------------------------- /sys/hypervisor */

static ssize_t type_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "zonevisor\n");
}

static ssize_t features_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%016llx\n", zv_host.features);
}

static ssize_t major_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", zv_host.abi >> 16);
}

static ssize_t minor_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", zv_host.abi & 0xffff);
}

static struct kobj_attribute type_attr = __ATTR_RO(type);
static struct kobj_attribute features_attr = __ATTR_RO(features);
static struct kobj_attribute major_attr = __ATTR_RO(major);
static struct kobj_attribute minor_attr = __ATTR_RO(minor);

static struct attribute *zv_attrs[] = {
	&type_attr.attr,
	&features_attr.attr,
	NULL,
};

static struct attribute *zv_version_attrs[] = {
	&major_attr.attr,
	&minor_attr.attr,
	NULL,
};

static const struct attribute_group zv_group = { .attrs = zv_attrs };
static const struct attribute_group zv_version_group = {
	.name = "version",
	.attrs = zv_version_attrs,
};

static const struct attribute_group *zv_groups[] = {
	&zv_group,
	&zv_version_group,
	NULL,
};

static void zv_sysfs_remove(void *data)
{
	sysfs_remove_groups(hypervisor_kobj, zv_groups);
}

/* ---------------------------------------------------------------- probing */

/* Somebody must answer, must be Zonevisor, and must speak our ABI. */
static int zv_identify(struct device *dev)
{
	struct arm_smccc_res res;
	const char *method;
	long rc;

	if (of_property_read_string(dev->of_node, "method", &method) ||
	    strcmp(method, "hvc")) {
		dev_err(dev, "device tree: method is not \"hvc\"\n");
		return -EINVAL;
	}
	arm_smccc_1_1_hvc(ZV_HC_UID_CALL, &res);
	if (lower_32_bits(res.a0) != ZV_UID_0 ||
	    lower_32_bits(res.a1) != ZV_UID_1 ||
	    lower_32_bits(res.a2) != ZV_UID_2 ||
	    lower_32_bits(res.a3) != ZV_UID_3) {
		dev_err(dev, "the hypervisor is not Zonevisor (UID %08x...)\n",
			lower_32_bits(res.a0));
		return -ENODEV;
	}
	rc = zv_hc(ZV_HC_VERSION, 0, 0, 0, 0, &res);
	if (rc) {
		dev_err(dev, "the hypervisor tells no version: %ld\n", rc);
		return -EIO;
	}
	if (res.a1 >> 16 != ZV_ABI_MAJOR) {
		dev_err(dev,
			"hypervisor ABI %lu.%lu, this module needs %u.x: install the module that came with the hypervisor\n",
			res.a1 >> 16, res.a1 & 0xffff, ZV_ABI_MAJOR);
		return -EPROTONOSUPPORT;
	}
	zv_host.abi = res.a1;
	zv_host.features = res.a2;
	return 0;
}

static void zv_forget_host_page(void *data)
{
	zv_host.page = NULL;
}

static int zv_map_host_page(struct platform_device *pdev)
{
	struct zv_host_page *page;
	struct resource *res;

	res = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	if (!res || resource_size(res) < sizeof(*page)) {
		dev_err(&pdev->dev, "device tree: reg has no host page\n");
		return -EINVAL;
	}
	/* Shared with EL2, which maps it Normal Write-Back too. */
	page = devm_memremap(&pdev->dev, res->start, sizeof(*page),
			     MEMREMAP_WB);
	if (IS_ERR(page))
		return PTR_ERR(page);
	if (page->magic != ZV_HOST_MAGIC) {
		dev_err(&pdev->dev, "no host page at %pa\n", &res->start);
		return -ENODEV;
	}
	zv_host.page = page;
	/* Undone after the interrupts, which use it, have been freed. */
	return devm_add_action_or_reset(&pdev->dev, zv_forget_host_page, NULL);
}

/*
 * All event interrupts share one bitmap of zones, so whichever comes serves
 * whatever is there; the others then find nothing, which is no error.
 */
static irqreturn_t zv_event_irq(int irq, void *data)
{
	zv_events_take_all();
	return IRQ_HANDLED;
}

static void zv_unhint_irq(void *data)
{
	irq_update_affinity_hint((uintptr_t)data, NULL);
}

static int zv_request_irqs(struct platform_device *pdev)
{
	int count = platform_irq_count(pdev);
	int i, irq, rc;

	if (count <= 0) {
		dev_err(&pdev->dev, "device tree: no event interrupt\n");
		return count ?: -EINVAL;
	}
	for (i = 0; i < count; i++) {
		irq = platform_get_irq(pdev, i);
		if (irq < 0)
			return irq;
		rc = devm_request_irq(&pdev->dev, irq, zv_event_irq, 0,
				      "zonevisor", &zv_host);
		if (rc)
			return dev_err_probe(&pdev->dev, rc,
					     "event interrupt %d\n", i);
		if (i >= nr_cpu_ids || !cpu_online(i))
			continue;
		/* Event interrupt i was made for CPU i; others may move it. */
		if (irq_set_affinity_and_hint(irq, cpumask_of(i)))
			continue;
		rc = devm_add_action_or_reset(&pdev->dev, zv_unhint_irq,
					      (void *)(uintptr_t)irq);
		if (rc)
			return rc;
	}
	return 0;
}

static void zv_misc_remove(void *data)
{
	misc_deregister(&zv_misc);
}

static int zv_publish(struct device *dev)
{
	int rc = sysfs_create_groups(hypervisor_kobj, zv_groups);

	if (rc)
		return rc;
	rc = devm_add_action_or_reset(dev, zv_sysfs_remove, NULL);
	if (rc)
		return rc;
	rc = misc_register(&zv_misc);
	if (rc)
		return rc;
	return devm_add_action_or_reset(dev, zv_misc_remove, NULL);
}

static int zv_probe(struct platform_device *pdev)
{
	int rc;

	if (zv_host.page) {
		dev_err(&pdev->dev, "there can be only one hypervisor\n");
		return -EBUSY;
	}
	rc = zv_identify(&pdev->dev);
	if (rc)
		return rc;
	rc = zv_map_host_page(pdev);
	if (rc)
		return rc;
	rc = zv_request_irqs(pdev);
	if (rc)
		return rc;
	rc = zv_publish(&pdev->dev);
	if (rc)
		return rc;
	zv_zone_adopt_all();
	/* What was raised before the interrupts were ours. */
	zv_events_take_all();
	dev_info(&pdev->dev, "ABI %u.%u, features %#llx\n", zv_host.abi >> 16,
		 zv_host.abi & 0xffff, zv_host.features);
	return 0;
}

static const struct of_device_id zv_of_match[] = {
	{ .compatible = "zonevisor,hypervisor" }, {}
};
MODULE_DEVICE_TABLE(of, zv_of_match);

static struct platform_driver zv_driver = {
	.probe = zv_probe,
	.driver = {
		.name = "zonevisor",
		.of_match_table = zv_of_match,
		/* Zones hold the module, not the binding: no unbinding. */
		.suppress_bind_attrs = true,
	},
};

static int __init zv_init(void)
{
	int rc;

	rc = zv_eventfd_init();
	if (rc)
		return rc;
	rc = zv_mem_init();
	if (rc)
		goto err_eventfd;
	rc = platform_driver_register(&zv_driver);
	if (rc)
		goto err_mem;
	return 0;

err_mem:
	zv_mem_exit();
err_eventfd:
	zv_eventfd_exit();
	return rc;
}
module_init(zv_init);

static void __exit zv_exit(void)
{
	platform_driver_unregister(&zv_driver);
	zv_mem_exit();
	zv_eventfd_exit();
}
module_exit(zv_exit);

MODULE_DESCRIPTION("Zonevisor hypervisor, zone0 driver");
MODULE_AUTHOR("The Zonevisor authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(ZV_VERSION);
