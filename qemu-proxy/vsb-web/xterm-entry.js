// SPDX-License-Identifier: GPL-2.0
// What the page uses of xterm.js.
export { Terminal } from "xterm";
