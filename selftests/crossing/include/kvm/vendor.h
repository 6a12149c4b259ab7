/* SPDX-License-Identifier: GPL-2.0 */
struct vsb_vendor {
	int unused;
};

extern const struct vsb_vendor vsb_svm;
extern const struct vsb_vendor *vsb_vendor;
