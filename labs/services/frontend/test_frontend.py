import unittest
from unittest import mock

from backends import Backends, Names
from chassis import Invalid
from page import render


class NamesTest(unittest.TestCase):
    def test_an_answer_is_kept_for_its_ttl(self):
        names = Names("backend.shop.internal", 8080, ttl=10)
        answer = [(None, None, None, None, ("127.10.0.4", 8080))]
        with mock.patch("socket.getaddrinfo", return_value=answer) as resolver, \
                mock.patch("time.monotonic", side_effect=[100, 109.9, 110.1, 110.1]):
            for _ in range(3):
                self.assertEqual(names.pick(), "127.10.0.4")
        self.assertEqual(resolver.call_count, 2)


class BackendsTest(unittest.TestCase):
    def test_only_a_plain_http_url_will_do(self):
        for url in ("https://backend", "backend:8080", "http://", "http://backend:port", "http://backend/?a=1"):
            with self.subTest(url), self.assertRaisesRegex(Invalid, "BACKEND_URL"):
                Backends(url, 0, 1)


class PageTest(unittest.TestCase):
    def test_what_others_say_is_escaped(self):
        page = render({"backend": "http://b", "calls": 1, "answered": {"<script>": 1}, "failed": {},
                       "task": None, "address": "127.0.0.1", "version": "1",
                       "dns": {"addresses": [], "ttl_seconds": 0}})
        self.assertNotIn("<script>", page)


if __name__ == "__main__":
    unittest.main()
