// SPDX-License-Identifier: GPL-2.0
/*
 * What a user VM has written to its keyboard controller, so that a new proxy can be
 * brought to where the old one was, and which writes are for no proxy at all.
 *
 * Commands are those of the IBM PS/2 Hardware Interface Technical Reference
 * (Keyboard and Auxiliary Device Controller; Keyboard; Mouse). Where that leaves room
 * we follow QEMU, whose devices these are (hw/input/pckbd.c, hw/input/ps2.c).
 */
#include "devices/i8042.h"

/* Commands of the controller. */
#define CMD_WRITE_CTR		0x60
#define CMD_MOUSE_OFF		0xa7
#define CMD_MOUSE_ON		0xa8
#define CMD_KEYBOARD_OFF	0xad
#define CMD_KEYBOARD_ON		0xae
#define CMD_WRITE_OUTPUT_PORT	0xd1
#define CMD_KEYBOARD_LOOP	0xd2
#define CMD_MOUSE_LOOP		0xd3
#define CMD_WRITE_MOUSE		0xd4
#define CMD_PULSE		0xf0	/* and what bits of the output port: 0 is low */

/* Output port, and bits of a pulse. */
#define PORT_NO_RESET		BIT(0)

#define CTR_KEYBOARD_IRQ	BIT(0)
#define CTR_MOUSE_IRQ		BIT(1)
#define CTR_SYSTEM		BIT(2)
#define CTR_KEYBOARD_OFF	BIT(4)
#define CTR_MOUSE_OFF		BIT(5)
#define CTR_TRANSLATE		BIT(6)

/* Commands of both devices. */
#define DEV_RATE		0xf3
#define DEV_ON			0xf4
#define DEV_OFF			0xf5
#define DEV_DEFAULT		0xf6
#define DEV_RESET		0xff
/* Of the keyboard. */
#define KEY_LEDS		0xed
#define KEY_SET			0xf0
#define KEY_MAKE_BREAK		0xfc
#define KEY_RATE_DEFAULT	0x2b	/* 10.9 characters a second after 500 ms */
/* Of the mouse. */
#define MOUSE_UNSCALED		0xe6
#define MOUSE_SCALED		0xe7
#define MOUSE_RESOLUTION	0xe8
#define MOUSE_STREAM		0xea
#define MOUSE_REMOTE		0xf0
#define MOUSE_RATE_DEFAULT	100
#define MOUSE_RES_DEFAULT	2
/* Its types: with a wheel, and with two more buttons. */
#define MOUSE_WHEEL		3
#define MOUSE_BUTTONS		4

static void keyboard_default(struct vsb_i8042 *kbd, bool scans)
{
	kbd->keyboard.scans = scans;
	kbd->keyboard.set = 2;
	kbd->keyboard.rate = KEY_RATE_DEFAULT;
	kbd->keyboard.leds = 0;
}

static void mouse_default(struct vsb_i8042 *kbd)
{
	kbd->mouse.reports = false;
	kbd->mouse.remote = false;
	kbd->mouse.scaled = false;
	kbd->mouse.rate = MOUSE_RATE_DEFAULT;
	kbd->mouse.resolution = MOUSE_RES_DEFAULT;
}

/* As a new one is. */
void vsb_i8042_init(struct vsb_i8042 *kbd)
{
	*kbd = (struct vsb_i8042){ .ctr = CTR_KEYBOARD_IRQ | CTR_MOUSE_IRQ };
	keyboard_default(kbd, true);
	mouse_default(kbd);
}

/* The machine is reset. */
void vsb_i8042_reset(struct vsb_i8042 *kbd)
{
	vsb_i8042_init(kbd);
	kbd->known = true;
}

/*
 * The user VM ran before we came, and has programmed the controller of the guest
 * hypervisor: probably as all systems do, with a mouse as QEMU has it.
 */
void vsb_i8042_assume(struct vsb_i8042 *kbd)
{
	vsb_i8042_reset(kbd);
	kbd->ctr |= CTR_SYSTEM | CTR_TRANSLATE;
	kbd->mouse.type = MOUSE_BUTTONS;
	kbd->mouse.reports = true;
}

static void keyboard_argument(struct vsb_i8042 *kbd, u8 command, u8 value)
{
	switch (command) {
	case KEY_LEDS:
		kbd->keyboard.leds = value;
		break;
	case KEY_SET:
		if (value >= 1 && value <= 3)	/* 0 asks for it */
			kbd->keyboard.set = value;
		break;
	case DEV_RATE:
		kbd->keyboard.rate = value;
		break;
	}
}

static void keyboard_write(struct vsb_i8042 *kbd, u8 value)
{
	u8 command = kbd->keyboard.command;

	/* What is sent to a device switches it on. */
	kbd->ctr &= ~CTR_KEYBOARD_OFF;
	kbd->keyboard.command = 0;
	if (command) {
		keyboard_argument(kbd, command, value);
		return;
	}
	switch (value) {
	case KEY_LEDS:
	case KEY_SET:
	case DEV_RATE:
	case KEY_MAKE_BREAK:
		kbd->keyboard.command = value;
		break;
	case DEV_ON:
		kbd->keyboard.scans = true;
		break;
	case DEV_OFF:
		keyboard_default(kbd, false);
		break;
	case DEV_DEFAULT:
	case DEV_RESET:
		keyboard_default(kbd, true);
		break;
	}
}

/* Three rates in a row make it have a wheel: 200, 100, 80, or 200, 200, 80 for more. */
static void mouse_rate(struct vsb_i8042 *kbd, u8 rate)
{
	u8 knock = kbd->mouse.knock;

	kbd->mouse.rate = rate;
	kbd->mouse.knock = 0;
	if (!knock && rate == 200)
		kbd->mouse.knock = 1;
	else if (knock == 1 && rate == 100)
		kbd->mouse.knock = MOUSE_WHEEL;
	else if (knock == 1 && rate == 200)
		kbd->mouse.knock = MOUSE_BUTTONS;
	else if (knock > 1 && rate == 80)
		kbd->mouse.type = knock;
}

static void mouse_write(struct vsb_i8042 *kbd, u8 value)
{
	u8 command = kbd->mouse.command;

	kbd->ctr &= ~CTR_MOUSE_OFF;
	kbd->mouse.command = 0;
	if (command == DEV_RATE)
		mouse_rate(kbd, value);
	else if (command == MOUSE_RESOLUTION)
		kbd->mouse.resolution = value;
	if (command)
		return;
	switch (value) {
	case MOUSE_UNSCALED:
	case MOUSE_SCALED:
		kbd->mouse.scaled = value == MOUSE_SCALED;
		break;
	case MOUSE_STREAM:
	case MOUSE_REMOTE:
		kbd->mouse.remote = value == MOUSE_REMOTE;
		break;
	case MOUSE_RESOLUTION:
	case DEV_RATE:
		kbd->mouse.command = value;
		break;
	case DEV_ON:
	case DEV_OFF:
		kbd->mouse.reports = value == DEV_ON;
		break;
	case DEV_RESET:
		kbd->mouse.type = 0;
		mouse_default(kbd);
		break;
	case DEV_DEFAULT:
		mouse_default(kbd);
		break;
	}
}

static enum vsb_kbd_write data_write(struct vsb_i8042 *kbd, u8 value)
{
	u8 command = kbd->command;

	kbd->command = 0;
	switch (command) {
	case CMD_WRITE_CTR:
		kbd->ctr = value;
		return VSB_KBD_PROXY;
	case CMD_WRITE_OUTPUT_PORT:
		return value & PORT_NO_RESET ? VSB_KBD_NOBODY : VSB_KBD_RESET;
	case CMD_WRITE_MOUSE:
		mouse_write(kbd, value);
		return VSB_KBD_PROXY;
	case CMD_KEYBOARD_LOOP:
	case CMD_MOUSE_LOOP:
		return VSB_KBD_PROXY;
	}
	keyboard_write(kbd, value);
	return VSB_KBD_PROXY;
}

static enum vsb_kbd_write command_write(struct vsb_i8042 *kbd, u8 value)
{
	if (value >= CMD_PULSE)
		return value & PORT_NO_RESET ? VSB_KBD_NOBODY : VSB_KBD_RESET;
	switch (value) {
	case CMD_MOUSE_OFF:
		kbd->ctr |= CTR_MOUSE_OFF;
		break;
	case CMD_MOUSE_ON:
		kbd->ctr &= ~CTR_MOUSE_OFF;
		break;
	case CMD_KEYBOARD_OFF:
		kbd->ctr |= CTR_KEYBOARD_OFF;
		break;
	case CMD_KEYBOARD_ON:
		kbd->ctr &= ~CTR_KEYBOARD_OFF;
		break;
	case CMD_WRITE_OUTPUT_PORT:
		/* Its other bit is A20, which has no effect in a VM of KVM's either. */
		kbd->command = value;
		return VSB_KBD_NOBODY;
	case CMD_WRITE_CTR:
	case CMD_KEYBOARD_LOOP:
	case CMD_MOUSE_LOOP:
	case CMD_WRITE_MOUSE:
		kbd->command = value;
		break;
	}
	return VSB_KBD_PROXY;
}

/**
 * vsb_i8042_write - the user VM writes
 * @kbd: to this
 * @port: VSB_KBD_DATA or VSB_KBD_COMMAND
 * @value: what
 *
 * Return: whom it is for. The proxy never sees what would reset its machine.
 */
enum vsb_kbd_write vsb_i8042_write(struct vsb_i8042 *kbd, u16 port, u8 value)
{
	kbd->known = true;
	return port == VSB_KBD_COMMAND ? command_write(kbd, value) : data_write(kbd, value);
}

static struct vsb_reg_write *put(struct vsb_reg_write *w, u16 port, u8 value)
{
	*w++ = (struct vsb_reg_write){ .port = port, .value = value };
	return w;
}

/* Answers are for us. Reading when there is none does no harm. */
static struct vsb_reg_write *get(struct vsb_reg_write *w, unsigned int n)
{
	while (n--)
		*w++ = (struct vsb_reg_write){ .port = VSB_KBD_DATA, .in = true };
	return w;
}

static struct vsb_reg_write *put_ctr(struct vsb_reg_write *w, u8 ctr)
{
	w = put(w, VSB_KBD_COMMAND, CMD_WRITE_CTR);
	return put(w, VSB_KBD_DATA, ctr);
}

static struct vsb_reg_write *put_key(struct vsb_reg_write *w, u8 value)
{
	return get(put(w, VSB_KBD_DATA, value), 1);
}

static struct vsb_reg_write *put_mouse(struct vsb_reg_write *w, u8 value)
{
	w = put(w, VSB_KBD_COMMAND, CMD_WRITE_MOUSE);
	return get(put(w, VSB_KBD_DATA, value), 1);
}

static struct vsb_reg_write *put_mouse_rate(struct vsb_reg_write *w, u8 rate)
{
	return put_mouse(put_mouse(w, DEV_RATE), rate);
}

/**
 * vsb_i8042_replay - the accesses that bring a controller there, fresh or not
 * @kbd: state
 * @out: put here, at most VSB_KBD_WRITES
 *
 * Return: how many.
 */
unsigned int vsb_i8042_replay(const struct vsb_i8042 *kbd, struct vsb_reg_write *out)
{
	struct vsb_reg_write *w = out;

	if (!kbd->known)
		return 0;
	/* Nothing of this is to raise an interrupt. */
	w = put_ctr(w, 0);
	/* Acknowledged, self-test passed; before that perhaps a byte not read. */
	w = get(put_key(w, DEV_RESET), 2);
	w = put_key(w, DEV_OFF);
	w = put_key(put_key(w, KEY_SET), kbd->keyboard.set);
	w = put_key(put_key(w, DEV_RATE), kbd->keyboard.rate);
	w = put_key(put_key(w, KEY_LEDS), kbd->keyboard.leds);
	if (kbd->keyboard.scans)
		w = put_key(w, DEV_ON);
	if (kbd->keyboard.command)
		w = put_key(w, kbd->keyboard.command);

	w = get(put_mouse(w, DEV_RESET), 3);
	/* A reset does not end a row of rates that has begun. */
	w = put_mouse_rate(w, 10);
	if (kbd->mouse.type) {
		w = put_mouse_rate(w, 200);
		w = put_mouse_rate(w, kbd->mouse.type == MOUSE_WHEEL ? 100 : 200);
		w = put_mouse_rate(w, 80);
	}
	w = put_mouse_rate(w, kbd->mouse.rate);
	w = put_mouse(put_mouse(w, MOUSE_RESOLUTION), kbd->mouse.resolution);
	if (kbd->mouse.scaled)
		w = put_mouse(w, MOUSE_SCALED);
	if (kbd->mouse.remote)
		w = put_mouse(w, MOUSE_REMOTE);
	if (kbd->mouse.reports)
		w = put_mouse(w, DEV_ON);
	if (kbd->mouse.command)
		w = put_mouse(w, kbd->mouse.command);

	w = put_ctr(w, kbd->ctr);
	if (kbd->command && kbd->command != CMD_WRITE_OUTPUT_PORT)
		w = put(w, VSB_KBD_COMMAND, kbd->command);
	return w - out;
}
