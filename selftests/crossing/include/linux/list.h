/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/kernel.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)		struct list_head name = { &(name), &(name) }
#define list_empty(head)	((head)->next == (head))
#define list_for_each_entry(p, head, member) \
	for (p = container_of((head)->next, __typeof__(*p), member); &p->member != (head); \
	     p = container_of(p->member.next, __typeof__(*p), member))

static inline void list_add(struct list_head *new, struct list_head *head)
{
	new->next = head->next;
	new->prev = head;
	head->next->prev = new;
	head->next = new;
}

static inline void list_del(struct list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
}
