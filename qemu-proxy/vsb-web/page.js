// SPDX-License-Identifier: GPL-2.0
// A console (xterm.js) and a screen (noVNC). The link's token is behind "#": no server is told of
// it but by login() here, once.
import RFB from "/-/novnc/core/rfb.js";
import { Terminal } from "/-/page/xterm.js";

const COLUMNS = 80, ROWS = 24;	// what a getty on a serial line takes for granted
const REFUSED = 4403;		// of vsb-web, with the reason
const at = (id) => document.getElementById(id);
const name = location.pathname.split("/")[1];
const sockets = "wss://" + location.host + "/" + name + "/";
let terminal, line, screen;

function say(id, text) {
	at(id).textContent = text;
}

// Return: "" or why not.
async function ask(what, method, body) {
	let answer;

	try {
		answer = await fetch("/" + name + "/" + what, { method, body, cache: "no-store" });
	} catch (e) {
		return "the server does not answer";
	}
	return answer.ok ? "" : await answer.text() || "refused";
}

// Why a WebSocket has ended. Without a reason of its own: is there a session at all?
async function why(event) {
	if (event && event.code === REFUSED)
		return event.reason;
	return await ask("check", "GET") || "the connection has ended";
}

function openTerminal() {
	const typed = (text) => {
		if (line && line.readyState === WebSocket.OPEN)
			line.send(new TextEncoder().encode(text));
	};

	terminal = new Terminal({
		cols: COLUMNS, rows: ROWS, rendererType: "dom", cursorBlink: false,
	});
	terminal.open(at("console"));
	// of xterm.js 4 and later; of 3
	if (terminal.onData)
		terminal.onData(typed);
	else
		terminal.on("data", typed);
}

function openConsole() {
	const decoder = new TextDecoder();
	const mine = new WebSocket(sockets + "console?columns=" + COLUMNS + "&rows=" + ROWS);

	line = mine;
	line.binaryType = "arraybuffer";
	line.onopen = () => {
		say("console-state", "connected");
		terminal.focus();
	};
	line.onmessage = (event) =>
		terminal.write(decoder.decode(new Uint8Array(event.data), { stream: true }));
	line.onclose = async (event) => {
		const text = await why(event);

		if (line === mine)
			say("console-state", text);
	};
}

function openScreen() {
	const socket = new WebSocket(sockets + "vnc");
	let closed = null;

	socket.addEventListener("close", (event) => { closed = event; });
	screen = new RFB(at("screen"), socket, { shared: true });
	const mine = screen;

	screen.addEventListener("connect", () => {
		say("screen-state", "connected");
		at("keys").hidden = false;
	});
	screen.addEventListener("disconnect", async () => {
		const text = await why(closed);

		if (screen !== mine)
			return;
		say("screen-state", text);
		at("keys").hidden = true;
	});
}

function open() {
	if (line)
		line.close();
	if (screen)
		screen.disconnect();
	at("screen").replaceChildren();
	openConsole();
	openScreen();
}

async function start() {
	const token = location.hash.slice(1);

	document.title = name;
	say("name", name);
	history.replaceState(null, "", location.pathname);
	const refusal = token ? await ask("login", "POST", token) : await ask("check", "GET");

	if (refusal) {
		say("state", refusal);
		return;
	}
	document.querySelector("main").hidden = false;
	for (const id of ["again", "logout"])
		at(id).hidden = false;
	at("again").onclick = open;
	at("keys").onclick = () => screen.sendCtrlAltDel();
	at("logout").onclick = async () => say("state", await ask("logout", "POST") || "logged out");
	openTerminal();
	open();
}

start();
