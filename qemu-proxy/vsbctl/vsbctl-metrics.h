/* SPDX-License-Identifier: GPL-2.0 */
/* "vsbctl metrics" */
#ifndef VSB_VSBCTL_METRICS_H
#define VSB_VSBCTL_METRICS_H

#include <json-glib/json-glib.h>

/*
 * @status: what vsbypassd answers to "status". Return: (transfer full): the same in the
 * text format of Prometheus 0.0.4, for the textfile collector of its node exporter.
 */
char *vsbctl_metrics(JsonObject *status);

#endif
