/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vsbypass

#if !defined(VSB_CORE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VSB_CORE_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#include "core/compat.h"

/*
 * The data of an access is a user's secret also on the host: a trace file is
 * easily copied. It is not traced.
 */
TRACE_EVENT(vsbypass_pio,
	TP_PROTO(int vcpu, u16 port, u8 size, bool in, int result),
	TP_ARGS(vcpu, port, size, in, result),
	TP_STRUCT__entry(
		__field(int, vcpu)
		__field(u16, port)
		__field(u8, size)
		__field(bool, in)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->port = port;
		__entry->size = size;
		__entry->in = in;
		__entry->result = result;
	),
	TP_printk("vcpu %d %s port 0x%x size %d %s (%d)", __entry->vcpu,
		  __entry->in ? "in" : "out", __entry->port, __entry->size,
		  __entry->result ? "absorbed" : "served", __entry->result)
);

TRACE_EVENT(vsbypass_replaced,
	TP_PROTO(const char *name),
	TP_ARGS(name),
	TP_STRUCT__entry(
		__string(name, name)
	),
	TP_fast_assign(
		vsb_assign_str(name, name);
	),
	TP_printk("%s: another user VM has its vCPU", __get_str(name))
);

TRACE_EVENT(vsbypass_bind,
	TP_PROTO(const char *name, u64 ept_pointer, unsigned long anchor),
	TP_ARGS(name, ept_pointer, anchor),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u64, ept_pointer)
		__field(unsigned long, anchor)
	),
	TP_fast_assign(
		vsb_assign_str(name, name);
		__entry->ept_pointer = ept_pointer;
		__entry->anchor = anchor;
	),
	TP_printk("%s ept_pointer 0x%llx anchor 0x%lx", __get_str(name),
		  __entry->ept_pointer, __entry->anchor)
);

TRACE_EVENT(vsbypass_irq,
	TP_PROTO(const char *name, u32 gsi, u32 level),
	TP_ARGS(name, gsi, level),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, gsi)
		__field(u32, level)
	),
	TP_fast_assign(
		vsb_assign_str(name, name);
		__entry->gsi = gsi;
		__entry->level = level;
	),
	TP_printk("%s gsi %u level %u", __get_str(name), __entry->gsi, __entry->level)
);

TRACE_EVENT(vsbypass_reset,
	TP_PROTO(const char *name, u32 writes),
	TP_ARGS(name, writes),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, writes)
	),
	TP_fast_assign(
		vsb_assign_str(name, name);
		__entry->writes = writes;
	),
	TP_printk("%s replay %u registers", __get_str(name), __entry->writes)
);

TRACE_EVENT(vsbypass_proof,
	TP_PROTO(const char *name, bool proved),
	TP_ARGS(name, proved),
	TP_STRUCT__entry(
		__string(name, name)
		__field(bool, proved)
	),
	TP_fast_assign(
		vsb_assign_str(name, name);
		__entry->proved = proved;
	),
	TP_printk("%s %s", __get_str(name), __entry->proved ? "proved" : "refused")
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
