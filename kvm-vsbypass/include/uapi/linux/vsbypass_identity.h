/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VSBypass: how a user VM and its host prove to each other who they are.
 * Documentation/identity.rst says what that is worth against whom.
 *
 * The host serves two I/O ports, one byte a time (also INSB and OUTSB). Any other
 * access to them ends the exchange and reads as ones.
 *
 *   user VM                                       host
 *   control: VSB_ID_BEGIN                      -> state VSB_ID_HELLO
 *   data: struct vsb_id_hello                  -> VSB_ID_REPLY or VSB_ID_REFUSED
 *   data: struct vsb_id_reply                  <- then VSB_ID_ANSWER
 *   (checks the host's proof)
 *   data: its own proof, VSB_ID_PROOF bytes    -> VSB_ID_PROVED or VSB_ID_REFUSED
 *
 * A proof is HMAC-SHA-256 of struct vsb_id_message under the key of the user VM. A
 * nonce of the host is good for one answer, within VSB_ID_MS of the reply.
 *
 * Begun with VSB_ID_BEGIN_FOR + n the proof ends 2^n seconds after it, unless there is
 * another one before, and at the first sign of another VM in this one's place. The user
 * VM's proof says so, too. A host that does not know the command stays in VSB_ID_IDLE.
 */
#ifndef _UAPI_LINUX_VSBYPASS_IDENTITY_H
#define _UAPI_LINUX_VSBYPASS_IDENTITY_H

#include <linux/types.h>

/*
 * Ports 0xd50 and 0xd51, unless the module was told others. No device of a PC has
 * them: ISA cards have 0x100-0x3ff, mainboards 0x400-0xcff, PCI devices 0x1000 and
 * up; 0xd00-0xfff would alias ISA cards that decode ten bits, this one 0x150.
 */
#define VSB_ID_PORT		0xd50
#define VSB_ID_NR_PORTS		2

#define VSB_ID_DATA		0	/* offset of the port */
#define VSB_ID_CONTROL		1	/* write: a command, read: the state */

/* Commands: begin an exchange, whatever was before, for a proof */
#define VSB_ID_BEGIN		0x01	/* that stays until a reset */
#define VSB_ID_BEGIN_FOR	0x10	/* + 0 to 15: that is good for so long */
#define VSB_ID_MOST_FOR		15

#define VSB_ID_IDLE		0	/* no exchange */
#define VSB_ID_HELLO		1	/* waits for struct vsb_id_hello */
#define VSB_ID_REPLY		2	/* struct vsb_id_reply can be read */
#define VSB_ID_ANSWER		3	/* waits for the user VM's proof */
#define VSB_ID_PROVED		4	/* this user VM has proved who it is */
#define VSB_ID_REFUSED		5	/* no such name here, or a wrong or late proof */
#define VSB_ID_ABSENT		0xff	/* no host is here */

#define VSB_ID_KEY		32	/* bytes of a key, */
#define VSB_ID_NONCE		32	/* of a nonce, */
#define VSB_ID_PROOF		32	/* of a proof */
#define VSB_ID_NAME		32	/* and of a name, NUL-padded */
#define VSB_ID_MS		5000	/* how long a nonce of the host is good */

/* What the user VM sends first: who it says it is, and a random number. */
struct vsb_id_hello {
	char name[VSB_ID_NAME];
	__u8 nonce[VSB_ID_NONCE];
};

/* The host's random number, and its proof. */
struct vsb_id_reply {
	__u8 nonce[VSB_ID_NONCE];
	__u8 proof[VSB_ID_PROOF];
};

/* Whose proof it is; a proof of one is none of the other. NUL-padded. */
#define VSB_ID_CONTEXT		32
#define VSB_ID_BY_HOST		"VSBypass identity 1: host"
#define VSB_ID_BY_USERVM	"VSBypass identity 1: user VM"
#define VSB_ID_BY_USERVM_FOR	"VSBypass identity 1: for 2^%u"	/* begun with that */

/* What a proof is made of. */
struct vsb_id_message {
	char context[VSB_ID_CONTEXT];
	char name[VSB_ID_NAME];
	__u8 uservm_nonce[VSB_ID_NONCE];
	__u8 host_nonce[VSB_ID_NONCE];
};

#endif
