/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the numbers of a nested exit say, vendor by vendor. No type of KVM's is in
 * here: a unit test builds it, too.
 */
#ifndef VSB_KVM_EXITS_H
#define VSB_KVM_EXITS_H

#include <linux/types.h>

#include "core/pio.h"

bool vsb_vmx_exit_plain(u32 reason);
bool vsb_vmx_exit_pio(u32 reason, u64 info, struct vsb_pio *pio);
bool vsb_vmx_exit_enters(u32 reason);
bool vsb_vmx_exit_hosts(u32 reason);
bool vsb_vmx_exit_halts(u32 reason);
bool vsb_vmx_exit_wrmsr(u32 reason, u64 info);
bool vsb_vmx_exit_pages(u32 reason);
bool vsb_vmx_exit_resumes(u32 reason, u32 intr_info);
bool vsb_svm_exit_resumes(u32 reason, u32 intr_info);
bool vsb_svm_exit_plain(u32 reason);
bool vsb_svm_exit_pio(u32 reason, u64 info, struct vsb_pio *pio);
bool vsb_svm_exit_enters(u32 reason);
bool vsb_svm_exit_hosts(u32 reason);
bool vsb_svm_exit_halts(u32 reason);
bool vsb_svm_exit_wrmsr(u32 reason, u64 info);
bool vsb_svm_exit_pages(u32 reason);
bool vsb_svm_exit_decodes(u32 reason, u64 info);
bool vsb_vmx_exit_decodes(u32 reason, u64 info, u32 intr_info);
u64 vsb_vmx_io_info(const struct vsb_pio *pio);
u64 vsb_svm_io_info(const struct vsb_pio *pio);

#endif
