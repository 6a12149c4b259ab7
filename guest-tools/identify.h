/* SPDX-License-Identifier: GPL-2.0 */
/* The user VM's side of a proof of identity: <linux/vsbypass_identity.h>. */
#ifndef VSB_IDENTIFY_H
#define VSB_IDENTIFY_H

#include <stdint.h>

#include "key-text.h"

/**
 * struct identify_ports - the two ports
 * @in:		reads port VSB_ID_DATA or VSB_ID_CONTROL
 * @out:	writes it
 */
struct identify_ports {
	uint8_t (*in)(unsigned int port, void *data);
	void (*out)(unsigned int port, uint8_t value, void *data);
	void *data;
};

enum identify_result {
	IDENTIFY_PROVED,	/* the host knows us, and we know the host */
	IDENTIFY_ABSENT,	/* no host is at these ports */
	IDENTIFY_UNKNOWN,	/* it has no key for this name, or this VM another name */
	IDENTIFY_WRONG_HOST,	/* it does not have our key: it was told nothing */
	IDENTIFY_REFUSED,	/* it has, and did not accept our proof: too late? */
	IDENTIFY_CONFUSED,	/* what the ports say makes no sense, or has stopped */
};

/* The proof has no end. */
#define IDENTIFY_FOR_EVER	0xff

/*
 * @nonce: 32 bytes, random, never used before.
 * @how_long: the proof is good for 2^@how_long seconds, up to VSB_ID_MOST_FOR; a host that
 * does not know such proofs gets one without an end. Or IDENTIFY_FOR_EVER.
 */
enum identify_result identify(const struct identify_ports *ports, const struct key *key,
			      const uint8_t *nonce, uint8_t how_long);

#endif
