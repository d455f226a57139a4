// SPDX-License-Identifier: MIT
// A server of HTTP on loopback whose script answers, or hands on to a real server, or loses, delays and cuts.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace must_test {

struct http_asked {
  std::string method{}, target{}, head{}, body{};
  int number = 0;  // from 1, on all connections
};

struct http_deed {
  enum class kind {
    hand_on,         // to the real server, and its answer back
    answer,          // `text` as it stands
    answer_and_end,  // the same, and the connection ends
    end,             // the connection ends before the server has heard of the request
    lose_answer,     // the server carries the request out, and the connection ends
    cut_answer,      // of the server's answer so much of its body as `rest` says, then the connection ends
    shorten_answer,  // the same, with a Content-Length that says so
  };
  kind what = kind::hand_on;
  std::string text{};
  std::size_t rest = 0;
  int milliseconds = 0;  // waits before anything else
};

// "HTTP/1.1 503 Slow Down" and a body, as a server of S3 refuses.
inline std::string http_text(std::string_view status, std::string_view body, std::string_view more_headers = {}) {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

class http_proxy {
 public:
  using script = std::function<http_deed(const http_asked&)>;

  // The target is the address of a server such as "http://127.0.0.1:9000", or nothing when the script answers all.
  explicit http_proxy(script does, const std::string& target = {}) : script_(std::move(does)) {
    if (!target.empty()) target_ = static_cast<std::uint16_t>(std::atoi(target.substr(target.rfind(':') + 1).c_str()));
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("the proxy cannot listen");
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }
  http_proxy(const http_proxy&) = delete;
  http_proxy& operator=(const http_proxy&) = delete;
  ~http_proxy() {
    thread_.request_stop();
    thread_.join();
    for (auto& one : served_) one.request_stop();
    served_.clear();
    ::close(listener_);
  }

  [[nodiscard]] std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void follow(script does) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(does);
  }
  // Does the same at every request from now on.
  void follow(http_deed always) {
    follow([always = std::move(always)](const http_asked&) { return always; });
  }
  // How many requests came, and on how many connections.
  [[nodiscard]] int requests() const { return requests_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static bool is_readable(int socket, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd one{socket, POLLIN, 0};
      if (::poll(&one, 1, 10) > 0) return true;
    }
    return false;
  }
  void accept_all(const std::stop_token& stop) {
    while (is_readable(listener_, stop)) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      ++connections_;
      served_.emplace_back([this, client](const std::stop_token& ended) {
        int server = -1;
        std::string pending;
        while (serve(client, server, pending, ended)) {}
        ::close(client);
        if (server >= 0) ::close(server);
      });
    }
  }
  static bool receive(int from, std::string& into, const std::stop_token& stop) {
    if (!is_readable(from, stop)) return false;
    char bytes[65'536];
    const auto count = ::recv(from, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    into.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  static bool send(int to, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto now = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (now <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(now));
    }
    return true;
  }
  static std::size_t length_in(std::string head) {
    for (char& c : head) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    const auto at = head.find("\r\ncontent-length:");
    return at == head.npos ? 0 : std::strtoull(head.c_str() + at + 17, nullptr, 10);
  }
  // Reads a head and the body that it announces. What came after them stays in `pending`.
  static bool read_message(int from, std::string& pending, std::string& head, std::string& body, bool has_body,
                           const std::stop_token& stop) {
    std::size_t end = 0;
    while ((end = pending.find("\r\n\r\n")) == pending.npos)
      if (!receive(from, pending, stop)) return false;
    head = pending.substr(0, end + 4);
    const auto size = has_body ? length_in(head) : 0;
    while (pending.size() < head.size() + size)
      if (!receive(from, pending, stop)) return false;
    body = pending.substr(head.size(), size);
    pending.erase(0, head.size() + size);
    return true;
  }
  bool serve(int client, int& server, std::string& pending, const std::stop_token& stop) {
    http_asked asked;
    if (!read_message(client, pending, asked.head, asked.body, true, stop)) return false;
    asked.number = ++requests_;
    asked.method = asked.head.substr(0, asked.head.find(' '));
    const auto target = asked.head.find(' ') + 1;
    asked.target = asked.head.substr(target, asked.head.find(' ', target) - target);
    script does;
    {
      const std::lock_guard lock(mutex_);
      does = script_;
    }
    const auto deed = does(asked);
    for (int waited = 0; waited < deed.milliseconds && !stop.stop_requested(); waited += 5)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    using kind = http_deed::kind;
    if (deed.what == kind::end) return false;
    if (deed.what == kind::answer || deed.what == kind::answer_and_end)
      return send(client, deed.text) && deed.what == kind::answer;
    std::string head, body, rest;
    if (!ask_server(server, asked.head + asked.body) ||
        !read_message(server, rest, head, body, asked.method != "HEAD", stop) || deed.what == kind::lose_answer)
      return false;
    if (deed.what == kind::shorten_answer) {
      body.resize(std::min(body.size(), deed.rest));
      const auto status = head.substr(0, head.find("\r\n") + 2);
      std::string lines = head.substr(status.size(), head.size() - status.size() - 2), kept;
      for (std::size_t at = 0; at < lines.size();) {
        const auto end = lines.find("\r\n", at) + 2;
        const auto line = lines.substr(at, end - at);
        if (length_in("\r\n" + line) == 0 && line.find("ontent-") == line.npos) kept += line;
        at = end;
      }
      head = status + kept + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    }
    if (deed.what == kind::cut_answer) body.resize(std::min(body.size(), deed.rest));
    return send(client, head + body) && deed.what != kind::cut_answer;
  }
  bool ask_server(int& server, const std::string& message) const {
    if (server < 0) {
      const auto address = loopback(target_);
      server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
    }
    return send(server, message);
  }

  int listener_ = -1;
  std::uint16_t port_ = 0, target_ = 0;
  std::atomic<int> requests_{0}, connections_{0};
  std::mutex mutex_{};
  script script_;
  std::list<std::jthread> served_{};
  std::jthread thread_{};
};

}  // namespace must_test
