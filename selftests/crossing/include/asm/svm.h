/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/types.h>

#define SVM_EXIT_NPF	0x400
#define SVM_EXIT_ERR	-1

struct vmcb {
	struct {
		u32 exit_code;
	} control;
};
