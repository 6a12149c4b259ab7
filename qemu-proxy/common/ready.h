/* SPDX-License-Identifier: GPL-2.0 */
/* What the service manager wants to know, sd_notify(3). Without one nothing happens. */
#ifndef VSB_READY_H
#define VSB_READY_H

/* Serves now; "systemctl start" returns. */
void ready_tell(void);

/* "systemctl reload" has come, ready_tell() says that it is done. */
void ready_reloading(void);

/* Will not serve any more. */
void ready_stopping(void);

/* Still at work, see WatchdogSec= of systemd.service(5). */
void ready_alive(void);

#endif
