/* SPDX-License-Identifier: BSD-2-Clause */
#include "openrpc.h"

/* The assembler reads the file, so it is the only copy; a NUL follows it. */
__asm__(".pushsection .rodata\n"
	".global openrpc_text\n"
	".type openrpc_text, %object\n"
	"openrpc_text:\n"
	".incbin \"toolstack/daemon/openrpc.json\"\n"
	".global openrpc_end\n"
	"openrpc_end:\n"
	".byte 0\n"
	".popsection\n");

extern const char openrpc_end[];

size_t openrpc_len(void)
{
	return (size_t)(openrpc_end - openrpc_text);
}
