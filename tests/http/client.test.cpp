// SPDX-License-Identifier: MIT
// The HTTP client against servers that answer, lose, cut, delay and lie, and against one with a certificate.
#include "must/http/client.hpp"

#include "servers/http_proxy.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace http = must::detail::http;
using must_test::http_asked;
using must_test::http_deed;
using must_test::http_proxy;
using must_test::http_text;

namespace {

http_deed answers(std::string text) { return {.what = http_deed::kind::answer, .text = std::move(text)}; }
http_deed answers_ok(const http_asked&) { return answers(http_text("200 OK", "fine")); }

http::client client_of(const std::string& address, must::duration timeout = must::duration(10'000'000)) {
  return http::client({.server = address, .timeout = timeout});
}

std::optional<http::failure> failure_of(http::client& client, const http::request& asks) {
  try {
    static_cast<void>(client.ask_for_text(asks, 1'000));
  } catch (const http::failure& why) {
    return why;
  }
  return std::nullopt;
}

// Keeps what came, in order.
struct heard {
  void add(const http_asked& asked) {
    const std::lock_guard lock(mutex);
    all.push_back(asked);
  }
  std::mutex mutex{};
  std::vector<http_asked> all{};
};

}  // namespace

TEST_CASE("http client: each method arrives with its headers and its body, all on one connection", "[http]") {
  heard came;
  http_proxy server([&](const http_asked& asked) {
    came.add(asked);
    return answers(asked.method == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
                                          : http_text("200 OK", "a body\n", "X-One: 1\r\n"));
  });
  auto client = client_of(server.address() + '/');
  for (const std::string method : {"GET", "PUT", "POST", "DELETE", "HEAD", "GET"}) {
    const bool sends = method == "PUT" || method == "POST";
    const auto answer =
        client.ask_for_text({.method = method,
                             .target = "/a/../b%20c?x=%2F",
                             .headers = {{"X-Asked", "yes"}, {"X-Empty", ""}, {"Content-Type", "text/plain"}},
                             .body = sends ? "some\nbytes" : ""},
                            100);
    CHECK(answer.status == 200);
    CHECK(answer.body == (method == "HEAD" ? "" : "a body\n"));
    CHECK(answer.value_of("x-one") == (method == "HEAD" ? "" : "1"));
    CHECK(answer.value_of("content-length") == "7");
    const std::lock_guard lock(came.mutex);
    const auto& last = came.all.back();
    CHECK(last.method == method);
    CHECK(last.target == "/a/../b%20c?x=%2F");
    CHECK(last.body == (sends ? "some\nbytes" : ""));
    CHECK(last.head.find("X-Asked: yes\r\n") != std::string::npos);
    CHECK(last.head.find("X-Empty:") != std::string::npos);
    CHECK(last.head.find("Expect") == std::string::npos);
    CHECK(last.head.find("form-urlencoded") == std::string::npos);
  }
  CHECK(server.requests() == 6);
  CHECK(server.connections() == 1);
}

TEST_CASE("http client: a failure says whether the request may have arrived", "[http]") {
  std::string closed;
  {
    http_proxy gone(answers_ok);
    closed = gone.address();
  }
  auto nobody = client_of(closed);
  const auto refused = failure_of(nobody, {.method = "PUT", .body = "x"});
  REQUIRE(refused);
  CHECK_FALSE(refused->may_have_arrived());
  CHECK(refused->may_help_again());

  http_proxy server(answers_ok);
  auto client = client_of(server.address(), must::duration(300'000));
  const auto fails_unknown = [&](http_deed next) {
    server.follow(std::move(next));
    const auto why = failure_of(client, {.method = "PUT", .body = "x"});
    REQUIRE(why);
    CHECK(why->may_have_arrived());
    CHECK(why->may_help_again());
  };
  fails_unknown({.what = http_deed::kind::end});
  fails_unknown({.what = http_deed::kind::answer_and_end, .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"});
  fails_unknown({.what = http_deed::kind::answer_and_end,
                 .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"});
  fails_unknown({.what = http_deed::kind::answer_and_end, .text = "HTTP/1.1 200 OK\r\nContent-Le"});
  fails_unknown({.what = http_deed::kind::answer, .text = http_text("200 OK", "late"), .milliseconds = 1'000});
}

TEST_CASE("http client: a put whose connection dies is not sent again in secret, a get is", "[http]") {
  // Each connection answers its first request, and ends at the next after the server has read it.
  heard came;
  std::atomic<int> ends_at{2};
  http_proxy server([&](const http_asked& asked) {
    came.add(asked);
    if (asked.number == ends_at) return http_deed{.what = http_deed::kind::end};
    return answers_ok(asked);
  });
  auto client = client_of(server.address());
  CHECK(client.ask_for_text({}, 100).status == 200);
  SECTION("a put with a body") {
    const auto why = failure_of(client, {.method = "PUT", .body = "once"});
    REQUIRE(why);
    CHECK(why->may_have_arrived());
    CHECK(server.requests() == 2);
  }
  SECTION("a put without one, and a removal") {
    CHECK(failure_of(client, {.method = "PUT"}).value().may_have_arrived());
    CHECK(server.requests() == 2);
    CHECK(client.ask_for_text({}, 100).status == 200);
    ends_at = 4;
    CHECK(failure_of(client, {.method = "DELETE"}).value().may_have_arrived());
    CHECK(server.requests() == 4);
  }
  SECTION("a get") {
    CHECK(client.ask_for_text({}, 100).body == "fine");
    CHECK(server.requests() == 3);
  }
}

TEST_CASE("http client: a body comes in pieces, can be stopped, and has a bound", "[http]") {
  const std::string large(20U << 20U, 'x');
  http_proxy server([&](const http_asked&) { return answers(http_text("200 OK", large)); });
  auto client = client_of(server.address());
  std::size_t total = 0, largest = 0;
  const auto all = client.ask({}, [&](std::string_view piece) {
    total += piece.size();
    largest = std::max(largest, piece.size());
    return true;
  });
  CHECK(all.status == 200);
  CHECK_FALSE(all.stopped);
  CHECK(total == large.size());
  CHECK(largest <= 128U << 10U);
  CHECK(client.ask({}, [](std::string_view) { return false; }).stopped);
  CHECK_THROWS_AS(client.ask({}, [](std::string_view) -> bool { throw 7; }), int);
  const auto why = failure_of(client, {});
  REQUIRE(why);
  CHECK(std::string(why->what()) == "the answer is longer than 1000 bytes");

  server.follow([&](const http_asked&) { return answers(http_text("500 Oh", large)); });
  const auto refusal = client.ask({}, [](std::string_view) { return false; });
  CHECK(refusal.status == 500);
  CHECK(refusal.body.size() == http::most_refusal_bytes);
}

TEST_CASE("http client: a SIGPIPE while a request runs does not end the program", "[http]") {
  http_proxy server(answers_ok);
  auto client = client_of(server.address());
  CHECK(client.ask({}, [](std::string_view) { return ::raise(SIGPIPE) == 0; }).status == 200);
  ::sigset_t pending, blocked;
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  CHECK(::sigismember(&pending, SIGPIPE) == 0);
  CHECK(::sigismember(&blocked, SIGPIPE) == 0);
}

TEST_CASE("http client: headers have an end, and hold no line breaks", "[http]") {
  std::string endless = "HTTP/1.1 200 OK\r\n";
  while (endless.size() < 1U << 20U) endless += "X-More: and more and more and more and more\r\n";
  http_proxy server([&](const http_asked&) { return answers(endless + "\r\n"); });
  auto client = client_of(server.address());
  CHECK(failure_of(client, {}).value().may_have_arrived());
  const auto before = server.requests();
  for (const http::header& bad :
       {http::header{"X-A", "1\r\nX-B: 2"}, http::header{"X-A\nX-B", "1"}, http::header{"X-A", std::string("1\0", 2)}})
    CHECK_FALSE(failure_of(client, {.headers = {bad}}).value().may_have_arrived());
  CHECK(server.requests() == before);
}

TEST_CASE("http client: an address that is none is refused, and names no user", "[http]") {
  for (const char* const bad : {"", "127.0.0.1:80", "ftp://host", "http://", "http://user:secret@host", "http://a/b",
                                "http://a?b", "https://a b", "http:host"}) {
    INFO(bad);
    const auto why = must_test::error_of<must::bad_input>([&] { http::client({.server = bad}); });
    CHECK(why.field == "endpoint");
    CHECK(why.message.find("secret") == std::string::npos);
  }
  CHECK(http::client({.server = "HTTPS://Host:8443/"}).authority() == "Host:8443");
  CHECK(http::client({.server = "http://[::1]:80"}).authority() == "[::1]:80");
}

TEST_CASE("http client: threads share a bounded number of connections, and wait no longer than the timeout",
          "[http][race]") {
  http_proxy server(answers_ok);
  http::client client({.server = server.address(), .connections = 3});
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 12; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 25; ++n) good += client.ask_for_text({}, 100).body == "fine";
      });
  }
  CHECK(good == 300);
  CHECK(server.connections() <= 3);

  http::client narrow({.server = server.address(), .connections = 1, .timeout = must::duration(300'000)});
  std::atomic<bool> holds{false}, is_over{false};
  std::jthread holder([&] {
    static_cast<void>(narrow.ask({}, [&](std::string_view) {
      holds = true;
      while (!is_over) std::this_thread::yield();
      return true;
    }));
  });
  while (!holds) std::this_thread::yield();
  const auto why = failure_of(narrow, {});
  is_over = true;
  holder.join();
  REQUIRE(why);
  CHECK_FALSE(why->may_have_arrived());
  CHECK(std::string(why->what()) == "no connection was free in time");
}

namespace {

// openssl as a server with a certificate of its own, for "localhost".
class tls_server {
 public:
  tls_server() {
    const auto make =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=DNS:localhost -keyout " +
        folder_.file("key.pem") + " -out " + certificate() + " >/dev/null 2>&1";
    if (std::system(make.c_str()) != 0) return;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    server_ = ::fork();
    if (server_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], 1);
      ::dup2(::open("/dev/null", O_WRONLY), 2);
      ::execlp("openssl", "openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", certificate().c_str(),
               "-key", folder_.file("key.pem").c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    std::string said;
    char byte = 0;
    while (::read(ends[0], &byte, 1) == 1) {
      said += byte;
      const auto at = said.find("ACCEPT 127.0.0.1:");
      if (byte == '\n' && at != std::string::npos) {
        port_ = std::atoi(said.c_str() + at + 17);
        break;
      }
    }
    out_ = ends[0];
  }
  tls_server(const tls_server&) = delete;
  tls_server& operator=(const tls_server&) = delete;
  ~tls_server() {
    if (server_ <= 0) return;
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
    ::close(out_);
  }
  [[nodiscard]] std::string certificate() const { return folder_.file("cert.pem"); }
  [[nodiscard]] int port() const { return port_; }

 private:
  must_test::temporary_folder folder_{};
  ::pid_t server_ = -1;
  int out_ = -1, port_ = 0;
};

}  // namespace

TEST_CASE("http client: a certificate is verified, with the name of the host in it", "[http]") {
  tls_server server;
  if (server.port() == 0) return must_test::skip("openssl does not serve here", "openssl");
  const auto port = std::to_string(server.port());
  http::client trusts({.server = "https://localhost:" + port, .ca_file = server.certificate()});
  CHECK(trusts.ask_for_text({}, 100'000).status == 200);
  http::client knows_nobody({.server = "https://localhost:" + port});
  http::client other_name({.server = "https://127.0.0.1:" + port, .ca_file = server.certificate()});
  http::client no_file({.server = "https://localhost:" + port, .ca_file = server.certificate() + "none"});
  for (auto* const refuses : {&knows_nobody, &other_name, &no_file}) {
    const auto why = failure_of(*refuses, {.method = "PUT", .body = "secret"});
    REQUIRE(why);
    CHECK_FALSE(why->may_have_arrived());
    CHECK_FALSE(why->may_help_again());
  }
}
