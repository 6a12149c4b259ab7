/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that a nested page table shows, read by a thread of another process than the
 * cloud VM's. What is asked of it: core/host.h.
 */
#ifndef VSB_KVM_VIEW_H
#define VSB_KVM_VIEW_H

#include <linux/types.h>

struct kvm;
struct mm_struct;
struct page;
struct vsb_span;
struct vsb_view;

struct vsb_view *vsb_view_open(struct kvm *kvm, struct mm_struct *mm);
void vsb_view_close(struct vsb_view *view);
int vsb_view_begin(struct vsb_view *view, u64 root, int levels);
int vsb_view_span(struct vsb_view *view, u64 gfn, struct vsb_span *span);
int vsb_view_read(struct vsb_view *view, const struct vsb_span *span, u64 gfn, const void **data);
u64 vsb_view_frames(struct kvm *kvm);

/* Of any VM. */
int vsb_view_pin(struct kvm *kvm, u64 gfn, u32 nr, struct page **pages);

#endif
