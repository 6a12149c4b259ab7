#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The web page as a person has it, in Chromium.

vsb-console, vsb-web, the browser, the SSH client, QEMU's serial port and its VNC server are
real; a QEMU alone stands for user VM and proxy. Pictures go to PICTURES, or build/web.
"""
import base64
import os
import signal
import shutil
import sys

sys.dont_write_bytecode = True
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

# pylint: disable=wrong-import-position
from webworld import ROOT, Web
from world import Failure, check, main, tests_of, wait_for

PICTURES = os.environ.get('PICTURES') or os.path.join(ROOT, 'build/web')


class Browser:
    """Chromium with a profile of its own."""

    def __init__(self, w):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which('chromium')
        for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                         '--window-size=1200,1300', '--user-data-dir=' + w.path('profile-%d' % len(w.things)),
                         '--ignore-certificate-errors-spki-list=' + w.spki()):
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(service=Service(shutil.which('chromedriver')), options=options)
        w.things.append(self)

    def open(self, link):
        # Only another place of the same page, otherwise.
        self.driver.get('about:blank')
        self.driver.get(link)

    def text(self, what):
        return self.driver.execute_script(
            'const e = document.querySelector(arguments[0]); return e ? e.textContent : ""', what)

    def sees(self, what, words):
        def there():
            return words in self.text(what).replace('\xa0', ' ')
        try:
            wait_for('', there)
        except Failure:
            raise Failure('no %r at %s: there is %r; the browser says %s' % (
                words, what, self.text(what), self.driver.get_log('browser'))) from None

    def type(self, where, text):
        # Into what has the focus, as a keyboard does.
        self.driver.find_element(By.CSS_SELECTOR, where).click()
        ActionChains(self.driver).send_keys(text).perform()

    def canvas(self):
        """The screen that noVNC has drawn. Return: (width, height, RGB bytes)."""
        got = self.driver.execute_script("""
            const c = document.querySelector("#screen canvas");
            if (!c || !c.width)
                return null;
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            let text = "";
            for (let i = 0; i < d.length; i += 4)
                text += String.fromCharCode(d[i], d[i + 1], d[i + 2]);
            return [c.width, c.height, btoa(text)];""")
        return got and (got[0], got[1], base64.b64decode(got[2]))

    def picture(self, name):
        os.makedirs(PICTURES, exist_ok=True)
        self.driver.save_screenshot(os.path.join(PICTURES, name))

    def close(self):
        try:
            self.driver.quit()
        except WebDriverException:
            pass


def differing(one, other):
    """How many pixels do, or None: pictures of two sizes."""
    if not one or not other or one[:2] != other[:2]:
        return None
    return sum(one[2][i:i + 3] != other[2][i:i + 3] for i in range(0, len(one[2]), 3))


# The cursor of a text mode blinks: a cell of 9x16.
CELL = 144


def same_screen(w, b, machine):
    """Wait until the browser shows what QEMU has. Return: the picture."""
    seen = {}

    def same():
        seen['browser'], seen['qemu'] = b.canvas(), machine.screendump(w.path('dump.ppm'))
        seen['differ'] = differing(seen['browser'], seen['qemu'])
        return seen['differ'] is not None and seen['differ'] <= CELL
    try:
        wait_for('', same)
    except Failure:
        raise Failure('the browser shows another screen than QEMU: %s and %s, %s pixels differ' % (
            seen['browser'] and seen['browser'][:2], seen['qemu'][:2], seen['differ'])) from None
    return seen['browser']


def lit(picture):
    return sum(any(picture[2][i:i + 3]) for i in range(0, len(picture[2]), 3))


def test_browser(w):
    machine, = w.start_all('vm1')
    link = w.link()
    b = Browser(w)
    b.open(link)
    b.sees('#console-state', 'connected')
    check(b.driver.current_url == w.origin + '/vm1/', 'the link stays in sight: ' + b.driver.current_url)
    check(b.driver.execute_script('return document.cookie') == '', 'a script can read the cookie')
    b.sees('.xterm-rows', '[vsb-console: vm1; Ctrl-E c ? for help]')

    # the console: the user VM answers with capital letters
    b.type('#console', 'hello')
    b.sees('.xterm-rows', 'HELLO')

    # the screen, and its keyboard
    b.sees('#screen-state', 'connected')
    wait_for('a picture with something on it', lambda: lit(machine.screendump(w.path('dump.ppm'))) > CELL)
    before = same_screen(w, b, machine)
    b.type('#screen canvas', 'typed in the browser')
    wait_for('what was typed, on the screen', lambda: lit(machine.screendump(w.path('dump.ppm'))) >
             lit(before) + CELL)
    after = same_screen(w, b, machine)
    check(differing(before, after) > CELL, 'the browser shows no more than before')
    b.picture('page.png')

    # the same browser again: its session goes on
    b.open(w.origin + '/vm1/')
    b.sees('#console-state', 'connected')
    b.sees('.xterm-rows', 'HELLO')

    # another browser: neither the link nor the page is of any use
    other = Browser(w)
    other.open(link)
    other.sees('#state', 'this link was used already')
    other.picture('refused.png')
    other.open(w.origin + '/vm1/')
    other.sees('#state', 'no session in this browser')
    check(not other.driver.find_element(By.TAG_NAME, 'main').is_displayed(), 'there is a console')
    # and the first one has lost nothing by that
    b.type('#console', 'again')
    b.sees('.xterm-rows', 'AGAIN')

    # the end
    b.driver.find_element(By.ID, 'logout').click()
    b.sees('#state', 'logged out')
    b.sees('#console-state', 'no session')
    b.sees('#screen-state', 'no session')
    b.open(w.origin + '/vm1/')
    b.sees('#state', 'no session')
    w.expect_log("a session of the web page begins: 'vm1' from 127.0.0.1")
    check(link.split('#')[1] not in w.log() + open(w.gateway_log).read(), 'a log has the token')


def test_key_removed(w):
    """As an SSH session does, it ends when the key is removed and vsb-console is told."""
    w.start_all('vm1')
    b = Browser(w)
    b.open(w.link())
    b.sees('#console-state', 'connected')
    b.sees('#screen-state', 'connected')
    unused = w.link()
    w.allow('vm1', 'other')
    w.server.send_signal(signal.SIGHUP)
    b.sees('.xterm-rows', 'your key is not listed for this console any more')
    b.sees('#console-state', 'no session')
    b.sees('#screen-state', 'no session')
    b.picture('key-removed.png')
    answer = w.log_in(unused)
    check(answer.status == 403 and not answer.secret, 'a link of a key that is gone: %d' % answer.status)


def test_stopped(w):
    """vsb-console goes, and comes again: sessions are over, and the page says so."""
    w.start_all('vm1')
    b = Browser(w)
    b.open(w.link())
    b.sees('#console-state', 'connected')
    w.server.terminate()
    w.server.wait()
    b.sees('#console-state', 'does not answer')
    os.unlink(w.backend)
    os.unlink(w.log_path)
    w.start(chardev=False)
    b.driver.find_element(By.ID, 'again').click()
    b.sees('#console-state', 'no session')


if __name__ == '__main__':
    sys.exit(main(__doc__, 'web-browser', tests_of(globals()), make=Web))
