/* SPDX-License-Identifier: GPL-2.0 */
#define VSB_HAS_SCREEN	1
