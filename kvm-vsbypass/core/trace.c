// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints: here, as what uses them is in core and above.
 */
#define CREATE_TRACE_POINTS
#include "core/trace.h"
