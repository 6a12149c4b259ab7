/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The connection to the character device of a proxy's QEMU. It is kept from
 * the start and made again when it breaks, so that the backlog fills with
 * nobody attached.
 */
#ifndef CONSOLE_CHARDEV_H
#define CONSOLE_CHARDEV_H

#include "console-hub.h"

struct vsb_chardev;

struct vsb_chardev *vsb_chardev_new(const char *path, struct vsb_hub *hub);
void vsb_chardev_free(struct vsb_chardev *chardev);
void vsb_chardev_connect(struct vsb_chardev *chardev);
void vsb_chardev_update(struct vsb_chardev *chardev);

#endif
