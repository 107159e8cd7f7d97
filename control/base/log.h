/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemons' log: one line per event on stderr, with wall-clock time (for people), monotonic time (for intervals),
 * level and program. Only programs log, where they decide what to do about an event; libraries return errors. */
#pragma once

enum ctl_log_level { CTL_LOG_ERROR, CTL_LOG_WARNING, CTL_LOG_INFO, CTL_LOG_DEBUG };

/* NULL-terminated, index is enum ctl_log_level. */
extern const char *const ctl_log_level_names[];

/* program must outlive the log. Until this is called: info, no name. */
void ctl_log_start(const char *program, enum ctl_log_level level);

/* Line breaks and control characters in the text become spaces; at most 1000 bytes are written, in one write. */
void ctl_log(enum ctl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ctl_error(...)   ctl_log(CTL_LOG_ERROR, __VA_ARGS__)
#define ctl_warning(...) ctl_log(CTL_LOG_WARNING, __VA_ARGS__)
#define ctl_info(...)    ctl_log(CTL_LOG_INFO, __VA_ARGS__)
#define ctl_debug(...)   ctl_log(CTL_LOG_DEBUG, __VA_ARGS__)
