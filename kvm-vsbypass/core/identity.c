// SPDX-License-Identifier: GPL-2.0
/*
 * A user VM proves who it is, on two I/O ports that lead to us and not to the
 * guest hypervisor: see include/uapi/linux/vsbypass_identity.h. Any user VM may
 * prove any name of the cloud VM's pool; who does gets the proxy of that name.
 *
 * Each user VM has an exchange of its own (devices/exchange.c), of constant size. Nothing
 * is allocated for an access, and the most that one costs is two HMACs over some hundred
 * bytes, once in a hundred accesses: who floods the ports spends its own time.
 */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core/cloud.h"
#include "core/identity.h"
#include "core/pio.h"
#include "core/proxy.h"
#include "core/trace.h"
#include "core/uservm.h"
#include "devices/claims.h"

static ushort vsb_identity_port = VSB_ID_PORT;
module_param_named(identity_port, vsb_identity_port, ushort, 0444);
MODULE_PARM_DESC(identity_port, "first of the two ports at which user VMs prove who they are");

bool vsb_identity_is_port(u32 port, u32 size)
{
	return port < vsb_identity_port + VSB_ID_NR_PORTS && port + size > vsb_identity_port;
}

void vsb_identity_init(struct vsb_identity *id)
{
	spin_lock_init(&id->lock);
	vsb_exchange_init(&id->exchange);
}

/* ---- keys; ioctl context ---- */

/*
 * Tells keys, and names with the same key, apart without keeping them. In a context
 * of its own: it is no proof of anybody.
 */
static int vsb_identity_key_id(struct crypto_shash *mac, const char *name, u8 *id)
{
	struct vsb_id_message message = { .context = "VSBypass identity 1: key" };

	BUILD_BUG_ON(VSB_NAME_LEN != VSB_ID_NAME);
	memcpy(message.name, name, sizeof(message.name));
	return crypto_shash_tfm_digest(mac, (const u8 *)&message, sizeof(message), id);
}

static struct crypto_shash *vsb_identity_mac(const u8 *key, const char *name, u8 *id)
{
	struct crypto_shash *mac = crypto_alloc_shash("hmac(sha256)", 0, 0);
	int ret;

	if (IS_ERR(mac))
		return PTR_ERR(mac) == -ENOENT ? ERR_PTR(-EOPNOTSUPP) : mac;
	ret = crypto_shash_setkey(mac, key, VSB_ID_KEY);
	if (!ret)
		ret = vsb_identity_key_id(mac, name, id);
	if (!ret)
		return mac;
	crypto_free_shash(mac);
	return ERR_PTR(ret);
}

static int vsb_identity_install(struct vsb_proxy *proxy, const u8 *key)
{
	struct vsb_cloud *cloud = proxy->cloud;
	struct crypto_shash *mac;
	int ret = 0;

	if (vsb_claims_any(proxy->claims, vsb_identity_port, VSB_ID_NR_PORTS))
		return -EINVAL;
	mutex_lock(&cloud->lock);
	if (proxy->mac) {
		ret = -EEXIST;
		goto unlock;
	}
	mac = vsb_identity_mac(key, proxy->name, proxy->key_id);
	if (IS_ERR(mac)) {
		ret = PTR_ERR(mac);
		goto unlock;
	}
	/* pairs with vsb_identity_key() */
	smp_store_release(&proxy->mac, mac);
	WRITE_ONCE(cloud->identity, true);
unlock:
	mutex_unlock(&cloud->lock);
	/* What its user VM has proved before may count, or not. */
	if (!ret)
		vsb_proxy_notify(proxy);
	return ret;
}

/**
 * vsb_identity_set_key - VSB_SET_KEY
 * @proxy: of this proxy
 * @argp: struct vsb_key of user space
 *
 * Return: 0 or an error as the UAPI header documents.
 */
long vsb_identity_set_key(struct vsb_proxy *proxy, void __user *argp)
{
	struct vsb_key args;
	long ret = -EFAULT;

	BUILD_BUG_ON(sizeof(args.key) != VSB_ID_KEY);
	if (!copy_from_user(&args, argp, sizeof(args))) {
		ret = -EINVAL;
		if (!memchr_inv(args.pad, 0, sizeof(args.pad)) &&
		    memchr_inv(args.key, 0, sizeof(args.key)))
			ret = vsb_identity_install(proxy, args.key);
	}
	memzero_explicit(&args, sizeof(args));
	return ret;
}

void vsb_identity_free_key(struct vsb_proxy *proxy)
{
	if (proxy->mac)
		crypto_free_shash(proxy->mac);
}

/* NULL: there is none (yet). Whoever sees it sees key_id. */
static struct crypto_shash *vsb_identity_key(struct vsb_proxy *proxy)
{
	/* pairs with vsb_identity_install() */
	return proxy ? smp_load_acquire(&proxy->mac) : NULL;
}

/* ---- the exchange; vCPU context, under id->lock ---- */

static int vsb_identity_proof(struct vsb_identity *id, struct crypto_shash *mac,
			      const char *context, u8 *proof)
{
	struct vsb_id_message *message = &id->exchange.message;

	memset(message->context, 0, sizeof(message->context));
	strscpy(message->context, context, sizeof(message->context));
	return crypto_shash_tfm_digest(mac, (const u8 *)message, sizeof(*message), proof);
}

/* What the user VM's proof is, given how it has begun. */
static int vsb_identity_uservm_proof(struct vsb_identity *id, struct crypto_shash *mac,
				     u8 *proof)
{
	char context[VSB_ID_CONTEXT] = VSB_ID_BY_USERVM;

	if (id->exchange.begun != VSB_ID_BEGIN)
		snprintf(context, sizeof(context), VSB_ID_BY_USERVM_FOR,
			 id->exchange.begun - VSB_ID_BEGIN_FOR);
	return vsb_identity_proof(id, mac, context, proof);
}

/* Is there a proof, and is it good now? */
static bool vsb_identity_good(const struct vsb_identity *id)
{
	return id->proved && (!id->until || ktime_get_boottime_ns() <= id->until);
}

static void vsb_identity_refuse(struct vsb_identity *id)
{
	vsb_exchange_end(&id->exchange, VSB_ID_REFUSED);
	if (id->refusals < U32_MAX)
		id->refusals++;
}

/* The hello is complete: prove who we are. */
static void vsb_identity_hello(struct vsb_identity *id, struct vsb_proxy *proxy)
{
	struct crypto_shash *mac = vsb_identity_key(proxy);
	u8 nonce[VSB_ID_NONCE], proof[VSB_ID_PROOF];

	if (!mac) {
		vsb_identity_refuse(id);
		return;
	}
	get_random_bytes(nonce, sizeof(nonce));
	vsb_exchange_hello(&id->exchange, nonce);
	if (vsb_identity_proof(id, mac, VSB_ID_BY_HOST, proof)) {
		vsb_identity_refuse(id);
		return;
	}
	id->expires = ktime_get_boottime_ns() + VSB_ID_MS * NSEC_PER_MSEC;
	vsb_exchange_reply(&id->exchange, proof);
}

/* The answer is complete. A wrong one undoes an earlier right one. */
static void vsb_identity_answer(struct vsb_identity *id, struct vsb_proxy *proxy)
{
	struct crypto_shash *mac = vsb_identity_key(proxy);
	u8 proof[VSB_ID_PROOF];

	id->proved = false;
	if (!mac || ktime_get_boottime_ns() > id->expires ||
	    vsb_identity_uservm_proof(id, mac, proof) ||
	    crypto_memneq(proof, id->exchange.buf.answer, VSB_ID_PROOF)) {
		vsb_identity_refuse(id);
	} else {
		memcpy(id->key_id, proxy->key_id, sizeof(id->key_id));
		id->proved = true;
		id->until = id->exchange.begun == VSB_ID_BEGIN ? 0 : ktime_get_boottime_ns() +
			    ((u64)NSEC_PER_SEC << (id->exchange.begun - VSB_ID_BEGIN_FOR));
		vsb_exchange_end(&id->exchange, VSB_ID_PROVED);
	}
	memzero_explicit(proof, sizeof(proof));
}

/* ---- what comes of it; vCPU context ---- */

/* The proxy of that name. Under cloud->lock. */
static struct vsb_proxy *vsb_identity_find(struct vsb_cloud *cloud, const char *name)
{
	struct vsb_proxy *proxy;

	list_for_each_entry(proxy, &cloud->pool, node)
		if (!memcmp(proxy->name, name, VSB_NAME_LEN))
			return proxy;
	return NULL;
}

/*
 * It has proved that it is the one of @proxy, once more if @again, or no longer has. Who
 * proves a name gets the proxy, whoever came first. Under cloud->lock.
 */
static void vsb_identity_judged(struct vsb_cloud *cloud, struct vsb_l2 *u,
				struct vsb_proxy *proxy, bool proved, bool again)
{
	struct vsb_proxy *now = vsb_locked(cloud, u->proxy);

	if (proved && now != proxy) {
		vsb_uservm_move(cloud, u, proxy);
		return;
	}
	if (proved)
		vsb_proxy_expire_at(proxy, vsb_identity_until(u));
	if (again)
		return;		/* nothing was closed meanwhile */
	if (proved && proxy->required)
		vsb_proxy_set_replay(proxy, u);	/* what was hidden of it */
	if (now)
		vsb_proxy_notify(now);
}

static void vsb_identity_complete(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_identity *id = &u->identity;
	bool answered = false, proved, before, again;
	struct vsb_proxy *proxy = NULL;
	u8 key_id[VSB_ID_PROOF];
	const char *name;

	mutex_lock(&cloud->lock);
	spin_lock(&id->lock);
	before = id->proved;
	again = vsb_identity_good(id);
	memcpy(key_id, id->key_id, sizeof(key_id));
	/* Another vCPU may have begun anew. Who is forgotten proves nothing. */
	name = vsb_exchange_name(&id->exchange);
	if (name) {
		if (!list_empty(&u->node))
			proxy = vsb_identity_find(cloud, name);
		answered = id->exchange.state == VSB_ID_ANSWER;
		if (answered)
			vsb_identity_answer(id, proxy);
		else
			vsb_identity_hello(id, proxy);
	}
	proved = id->proved;
	again &= proved && !memcmp(key_id, id->key_id, sizeof(key_id));
	spin_unlock(&id->lock);
	if (answered && (before || proved))
		vsb_identity_judged(cloud, u, proxy, proved, again);
	if (answered)
		trace_vsbypass_proof(proxy ? proxy->name : "", proved);
	mutex_unlock(&cloud->lock);
}

/**
 * vsb_identity_access - an access that has a byte of our ports
 * @cloud: the cloud VM
 * @u: a user VM of it
 * @pio: the access
 * @data: value written, or where to put the value read
 *
 * vCPU context. Return: 0, or -EINVAL: no such access is served.
 */
int vsb_identity_access(struct vsb_cloud *cloud, struct vsb_l2 *u, const struct vsb_pio *pio,
			u32 *data)
{
	struct vsb_identity *id = &u->identity;
	struct vsb_device *dev = &id->exchange.dev;
	struct vsb_byte b = {
		.reg = pio->port - vsb_identity_port, .in = pio->in, .value = *data,
	};
	bool complete = false;
	int ret = 0;

	spin_lock(&id->lock);
	/* A proof that is over is none. */
	if (id->exchange.state == VSB_ID_PROVED && !vsb_identity_good(id))
		vsb_exchange_end(&id->exchange, VSB_ID_IDLE);
	if (pio->size == 1) {
		complete = dev->ops->access(dev, &b) & VSB_DO_JUDGE;
		if (pio->in)
			*data = b.value;
	} else {
		dev->ops->reset(dev);
		ret = -EINVAL;
	}
	spin_unlock(&id->lock);
	if (complete)
		vsb_identity_complete(cloud, u);
	return ret;
}

/* Has @u proved that it is the one of @proxy? vCPU or ioctl context. */
bool vsb_identity_proved(struct vsb_l2 *u, struct vsb_proxy *proxy)
{
	struct vsb_identity *id = &u->identity;
	bool proved;

	if (!vsb_identity_key(proxy))
		return false;
	spin_lock(&id->lock);
	proved = vsb_identity_good(id) && !memcmp(id->key_id, proxy->key_id, sizeof(id->key_id));
	spin_unlock(&id->lock);
	return proved;
}

/*
 * VSB_PROXY_REQUIRED: until a user VM has proved who it is, its devices work but no data
 * passes. A UART answers as ever, so that firmware and drivers find it and do not wait for
 * one that never becomes ready; but bytes sent reach the proxy as 0, and bytes received
 * reach the user VM as 0. Other devices are unplugged. vCPU context.
 */
bool vsb_identity_shuts(struct vsb_l2 *u, struct vsb_proxy *proxy)
{
	return proxy->required && !vsb_identity_proved(u, proxy);
}

/* Has @u proved who it is, whoever that is? vCPU context. */
bool vsb_identity_holds(struct vsb_l2 *u)
{
	bool holds;

	spin_lock(&u->identity.lock);
	holds = vsb_identity_good(&u->identity);
	spin_unlock(&u->identity.lock);
	return holds;
}

/* CLOCK_BOOTTIME at which its proof ends; 0: there is none, or it has no end. */
u64 vsb_identity_until(struct vsb_l2 *u)
{
	u64 until;

	spin_lock(&u->identity.lock);
	until = u->identity.proved ? u->identity.until : 0;
	spin_unlock(&u->identity.lock);
	return until;
}

/* The proof has ended: user space is told. */
static void vsb_identity_tell(struct vsb_l2 *u)
{
	struct vsb_proxy *proxy;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	if (proxy)
		vsb_proxy_notify(proxy);
	rcu_read_unlock();
}

/**
 * vsb_uservm_expire - end the proof of a user VM if its time is over
 * @u: the user VM
 *
 * It is good for nothing since then; an exchange in progress goes on. Does not sleep.
 */
void vsb_uservm_expire(struct vsb_l2 *u)
{
	struct vsb_identity *id = &u->identity;
	bool over;

	spin_lock(&id->lock);
	over = id->proved && !vsb_identity_good(id);
	if (over)
		id->proved = false;
	spin_unlock(&id->lock);
	if (over)
		vsb_identity_tell(u);
}

/**
 * vsb_uservm_doubt - there is a sign that another VM may be in the place of a user VM
 * @u: the user VM
 *
 * It may be one of this VM's own life as well. A proof that is renewed anyway ends then;
 * who proves once keeps it. As vsb_uservm_unprove().
 */
void vsb_uservm_doubt(struct vsb_l2 *u)
{
	if (vsb_identity_until(u))
		vsb_uservm_unprove(u);
}

/**
 * vsb_uservm_unprove - a user VM has to prove anew who it is
 * @u: the user VM
 *
 * To be called when it was reset or may have become another one. An exchange in
 * progress ends. With VSB_PROXY_REQUIRED no data pass from now on; a read that waits
 * for the proxy gets none either. User space is told.
 *
 * vCPU or ioctl context; does not sleep; cloud->lock may be held. No proxy->lock.
 */
void vsb_uservm_unprove(struct vsb_l2 *u)
{
	struct vsb_identity *id = &u->identity;
	bool proved;

	spin_lock(&id->lock);
	proved = id->proved;
	id->proved = false;
	vsb_exchange_end(&id->exchange, VSB_ID_IDLE);
	spin_unlock(&id->lock);
	if (proved)
		vsb_identity_tell(u);
}
