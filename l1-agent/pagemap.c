// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/pagemap: one 64-bit word for each 4 KiB page, huge pages included
 * (Documentation/admin-guide/mm/pagemap.rst).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib.h>

#include "pagemap.h"

#define PM_PRESENT	(1ULL << 63)
#define PM_PFN_MASK	((1ULL << 55) - 1)

/*
 * Looks up the frame of @hva in process @pid; @proc is "/proc" but for tests.
 * Return: 0, -ENOENT: no page is there now, -EPERM: the kernel hides frame
 * numbers from us, or another negative error code.
 */
int pagemap_lookup(const char *proc, pid_t pid, uint64_t hva, uint64_t *pfn)
{
	g_autofree char *path = g_strdup_printf("%s/%ld/pagemap", proc, (long)pid);
	uint64_t entry;
	ssize_t n;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, &entry, sizeof(entry), (off_t)(hva >> 12) * sizeof(entry));
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	if (n != sizeof(entry) || !(entry & PM_PRESENT))
		return -ENOENT;
	if (!(entry & PM_PFN_MASK))
		return -EPERM;
	*pfn = entry & PM_PFN_MASK;
	return 0;
}
