// SPDX-License-Identifier: GPL-2.0
/*
 * Boots an uncompressed kernel: to unpack Debian's bzImage (XZ) takes Bochs
 * 4 thousand million instructions, most of the time until L0 is up.
 *
 * A multiboot loader (syslinux' mboot.c32) loads this, the vmlinux as first
 * module and the initramfs as second. We copy the kernel's segments to where
 * they belong and enter it as Xen and QEMU do: at the address in its PVH note,
 * in 32-bit mode, EBX pointing at a description of the machine. (Multiboot
 * Specification 0.6.96; Xen's docs/misc/pvh.pandoc, include/xen/interface/
 * hvm/start_info.h and elfnote.h.)
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;

#define PVH_MAGIC		0x336ec578
#define PVH_NOTE		18		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define PT_LOAD			1
#define PT_NOTE			4
#define MAX_MAP			64

struct module {
	u32 start, end, string, reserved;
};

struct multiboot {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, nr_modules, modules;
	u32 symbols[4], map_length, map;
};

struct map_entry {	/* of multiboot; "size" does not count itself */
	u32 size;
	u64 address, length;
	u32 type;
} __attribute__((packed));

struct elf64 {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum;
};

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	u32 namesz, descsz, type;
	u8 data[];
};

struct pvh_module {
	u64 address, size, cmdline, reserved;
};

struct pvh_map {
	u64 address, size;
	u32 type, reserved;
};

static struct {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp, map;
	u32 nr_map, reserved;
} info;
static struct pvh_module initrd;
static struct pvh_map map[MAX_MAP];
u8 stack[4096];

__asm__(".section .multiboot, \"a\"\n"
	".long 0x1badb002, 3, -(0x1badb002 + 3)\n"
	".text\n"
	".globl _start\n"
	"_start:\n"
	"cli\n"
	"mov $stack + 4096, %esp\n"
	"push %ebx\n"
	"call boot\n"
	"1: hlt\n"
	"jmp 1b\n");

/* ESI, EDI, ECX: the compiler must not call a memcpy() that nobody has. */
static void copy(void *to, const void *from, u32 n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void zero(void *to, u32 n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static u32 find_entry(const struct elf64 *elf, const struct elf64_phdr *p)
{
	const u8 *at = (const u8 *)elf + (u32)p->offset;
	const u8 *end = at + (u32)p->filesz;

	while (at < end) {
		const struct elf_note *note = (const void *)at;
		u32 name = (note->namesz + 3) & ~3u;

		if (note->type == PVH_NOTE)
			return *(const u32 *)(note->data + name);
		at = note->data + name + ((note->descsz + 3) & ~3u);
	}
	return 0;
}

__attribute__((used)) void boot(const struct multiboot *mb)
{
	const struct module *mod = (const void *)mb->modules;
	const struct elf64 *elf = (const void *)mod[0].start;
	const u8 *cmdline = (const void *)mb->cmdline;
	u32 at, entry = 0;
	int i;

	for (i = 0; i < elf->phnum; i++) {
		const struct elf64_phdr *p = (const void *)((const u8 *)elf + (u32)elf->phoff +
							    i * elf->phentsize);

		if (p->type == PT_NOTE)
			entry = find_entry(elf, p);
		if (p->type != PT_LOAD)
			continue;
		copy((void *)(u32)p->paddr, (const u8 *)elf + (u32)p->offset, p->filesz);
		zero((u8 *)(u32)p->paddr + (u32)p->filesz, p->memsz - p->filesz);
	}
	/* ours begins behind our own name */
	while (*cmdline && *cmdline != ' ')
		cmdline++;
	for (at = mb->map; at < mb->map + mb->map_length && info.nr_map < MAX_MAP;) {
		const struct map_entry *e = (const void *)at;

		map[info.nr_map].address = e->address;
		map[info.nr_map].size = e->length;
		map[info.nr_map++].type = e->type;
		at += e->size + sizeof(e->size);
	}
	initrd.address = mod[1].start;
	initrd.size = mod[1].end - mod[1].start;
	info.magic = PVH_MAGIC;
	info.version = 1;
	info.nr_modules = 1;
	info.modules = (u32)&initrd;
	info.cmdline = (u32)cmdline;
	info.map = (u32)map;
	__asm__ volatile("jmp *%0" : : "r"(entry), "b"(&info));
}
