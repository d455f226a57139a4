// SPDX-License-Identifier: MIT
// A proxy in front of a Unix socket, that cuts clients off while the server still thinks they are there.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must_test {

class socket_proxy {
 public:
  explicit socket_proxy(std::string target) : target_(std::move(target)) {
    std::string made = (std::filesystem::temp_directory_path() / "must_XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("no folder for a socket");
    folder_ = made;
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(folder_ + "/.s.PGSQL.5432");
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 64) != 0)
      throw std::runtime_error("the proxy cannot listen");
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  socket_proxy(const socket_proxy&) = delete;
  socket_proxy& operator=(const socket_proxy&) = delete;
  ~socket_proxy() {
    thread_.request_stop();
    thread_.join();
    for (auto& [client, server] : pairs_) ::close(client), ::close(server);
    for (const int server : left_alone_) ::close(server);
    ::close(listener_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] const std::string& folder() const { return folder_; }
  // How often the server has begun to answer, on all connections.
  [[nodiscard]] int round_trips() const { return round_trips_; }
  // Cuts every client off; what the server still has from them goes on.
  void cut() { tell(order::cut); }
  // Cuts one client off, and its server, at the n-th piece that goes either way from now on: handed on before, or lost.
  void cut_at(int piece, bool handed_on) {
    hands_on_ = handed_on;
    until_cut_ = piece;
  }
  // Whether that is still to come.
  [[nodiscard]] bool is_to_cut() const { return until_cut_ > 0; }
  // Keeps what the clients of now send from here on, as a slow network would; those to come are served.
  void hold() { tell(order::hold); }
  [[nodiscard]] bool holds_something() const { return holds_something_; }
  // Hands on what was kept, also of clients that were cut off.
  void release() { tell(order::release); }

 private:
  enum class order : int { none, cut, hold, release };

  void tell(order what) {
    order_ = what;
    while (order_ != order::none) std::this_thread::yield();
  }
  void obey() {
    switch (order_) {
      case order::none: return;
      case order::cut:
        for (auto& [client, server] : pairs_) {
          ::close(client);
          left_alone_.push_back(server);
        }
        pairs_.clear();
        break;
      case order::hold:
        for (auto& [client, server] : pairs_) held_[server];
        break;
      case order::release:
        for (const auto& [server, bytes] : held_)
          static_cast<void>(!::send(server, bytes.data(), bytes.size(), MSG_NOSIGNAL));
        held_.clear();
        break;
    }
    order_ = order::none;
  }
  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
  }
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      obey();
      std::vector<pollfd> sockets{{listener_, POLLIN, 0}};
      for (auto& [client, server] : pairs_) {
        sockets.push_back({client, POLLIN, 0});
        sockets.push_back({server, POLLIN, 0});
      }
      if (::poll(sockets.data(), sockets.size(), 5) <= 0) continue;
      for (std::size_t i = pairs_.size(); i-- > 0;) {
        const auto [client, server] = pairs_[i];
        const bool asks = sockets[1 + 2 * i].revents != 0, answers = sockets[2 + 2 * i].revents != 0;
        if (answers && asked_.erase(client) > 0) ++round_trips_;
        if (asks) asked_.insert(client);
        const bool open = (!answers || pass(server, client)) && (!asks || pass(client, server));
        if (open) continue;
        ::close(client), ::close(server);
        pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (sockets[0].revents != 0) add(::accept(listener_, nullptr, nullptr));
    }
  }
  void add(int client) {
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(target_);
    if (client < 0 || ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(client), ::close(server);
      return;
    }
    pairs_.emplace_back(client, server);
  }
  bool pass(int from, int to) {
    char bytes[65'536];
    const auto count = ::recv(from, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    const bool last = until_cut_ > 0 && --until_cut_ == 0;
    if (last && !hands_on_) return false;
    if (const auto held = held_.find(to); held != held_.end()) {
      held->second.append(bytes, static_cast<std::size_t>(count));
      holds_something_ = true;
      return true;
    }
    for (ssize_t sent = 0; sent < count;) {
      const auto now = ::send(to, bytes + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += now;
    }
    return !last;
  }

  std::string target_, folder_{};
  int listener_ = -1;
  std::vector<std::pair<int, int>> pairs_{};
  std::vector<int> left_alone_{};
  std::set<int> asked_{};  // clients that have not been answered
  std::atomic<int> round_trips_{0};
  std::atomic<order> order_{order::none};
  std::atomic<bool> holds_something_{false}, hands_on_{false};
  std::atomic<int> until_cut_{0};
  std::map<int, std::string> held_{};  // by the server's end
  std::jthread thread_{};
};

}  // namespace must_test
