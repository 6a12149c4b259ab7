# SPDX-License-Identifier: GPL-2.0
"""Sphinx: 'make docs'."""

project = "VSBypass"
author = copyright = "VSBypass maintainers"  # pylint: disable=redefined-builtin
extensions = []
html_theme = "alabaster"
html_theme_options = {"nosidebar": False, "page_width": "60em"}
html_show_sphinx = False
html_copy_source = False
# man pages number their sections by hand, and say "vsbctl" often
suppress_warnings = ["autosectionlabel.*"]
