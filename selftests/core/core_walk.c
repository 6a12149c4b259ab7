// SPDX-License-Identifier: GPL-2.0
/*
 * What a core of a Linux guest says, found as crash(8) does: CR3 of a vCPU from QEMU's note,
 * symbols of the kernel from VMCOREINFO, and from there through the guest's page tables.
 *
 *   core_walk CORE          prints, or says what is wrong (exit status 1)
 *     vcpus N
 *     release TEXT          of init_uts_ns in memory, by virtual address
 *     banner TEXT           first line that begins with "Linux version"
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS	0x000ffffffffff000ull

static const uint8_t *core;
static const Elf64_Phdr *phdr;
static unsigned int nr;

/* @len bytes at physical address @pa, or NULL. */
static const void *physical(uint64_t pa, uint64_t len)
{
	for (unsigned int i = 0; i < nr; i++)
		if (phdr[i].p_type == PT_LOAD && pa >= phdr[i].p_paddr &&
		    pa + len <= phdr[i].p_paddr + phdr[i].p_filesz)
			return core + phdr[i].p_offset + (pa - phdr[i].p_paddr);
	return NULL;
}

/* Four levels (SDM vol. 3, 4.5). Not across pages. */
static const void *virtual(uint64_t cr3, uint64_t va, uint64_t len)
{
	uint64_t table = cr3 & ADDRESS;

	for (int shift = 39;; shift -= 9) {
		const uint64_t *pte = physical(table + (va >> shift & 511) * 8, 8);

		if (!pte || !(*pte & 1))
			return NULL;
		table = *pte & ADDRESS;
		if (shift == 12 || (shift <= 30 && *pte & 0x80))
			return physical((table & ~((1ull << shift) - 1)) +
					(va & ((1ull << shift) - 1)), len);
	}
}

static void notes(uint64_t *cr3, unsigned int *vcpus, char **info)
{
	const uint8_t *p = core + phdr[0].p_offset, *end = p + phdr[0].p_filesz;

	while (p + sizeof(Elf64_Nhdr) < end) {
		const Elf64_Nhdr *n = (const void *)p;
		const char *name = (const char *)(n + 1);
		const uint8_t *desc = (const uint8_t *)name + (n->n_namesz + 3) / 4 * 4;

		if (!strcmp(name, "QEMU")) {
			if (!(*vcpus)++)
				memcpy(cr3, desc + 392 + 3 * 8, 8);
		} else if (!strcmp(name, "VMCOREINFO")) {
			*info = strndup((const char *)desc, n->n_descsz);
		}
		p = desc + (n->n_descsz + 3) / 4 * 4;
	}
}

static uint64_t number(const char *info, const char *key, int base)
{
	const char *at = strstr(info, key);

	if (!at)
		errx(1, "VMCOREINFO has no %s", key);
	return strtoull(at + strlen(key), NULL, base);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	static const char banner[] = "Linux version ";
	unsigned int vcpus = 0;
	const Elf64_Ehdr *ehdr;
	char *info = NULL;
	const char *uts = NULL;
	const uint8_t *p;
	uint64_t cr3 = 0, va;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(1, "usage: core_walk CORE");
	core = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (core == MAP_FAILED)
		err(1, "mmap");
	ehdr = (const void *)core;
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) || ehdr->e_type != ET_CORE)
		errx(1, "it is no core");
	phdr = (const void *)(core + ehdr->e_phoff);
	nr = ehdr->e_phnum;
	notes(&cr3, &vcpus, &info);
	printf("vcpus %u\n", vcpus);
	if (!vcpus || !info)
		errx(1, "it has no %s", vcpus ? "VMCOREINFO" : "registers");
	va = number(info, "SYMBOL(init_uts_ns)=", 16) +
	     number(info, "OFFSET(uts_namespace.name)=", 10) + 2 * 65;
	/* With page-table isolation a user's table is the one behind. */
	uts = virtual(cr3, va, 65);
	if (!uts)
		uts = virtual(cr3 & ~0x1000ull, va, 65);
	if (!uts)
		errx(1, "init_uts_ns is not mapped by CR3 %#llx", (unsigned long long)cr3);
	printf("release %.64s\n", uts);
	p = memmem(core, (size_t)st.st_size, banner, sizeof(banner) - 1);
	if (!p)
		errx(1, "there is no \"%s\"", banner);
	printf("banner %.*s\n", (int)strcspn((const char *)p, "\n"), (const char *)p);
	return 0;
}
