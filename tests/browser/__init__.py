"""The page in a real browser: Debian's Chromium, or Chrome, driven by Selenium."""
