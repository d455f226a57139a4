// SPDX-License-Identifier: MIT
// A real pgbouncer in transaction mode, in front of the private PostgreSQL.
#pragma once

#include "servers/postgres.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace must_test {

// Started once a process; `reason` says why there is none.
class postgres_pooler {
 public:
  static postgres_pooler& instance() {
    static postgres_pooler pooler;
    return pooler;
  }
  postgres_pooler(const postgres_pooler&) = delete;
  postgres_pooler& operator=(const postgres_pooler&) = delete;
  ~postgres_pooler() {
    if (owner_ != ::getpid() || process_ <= 0) return;
    ::kill(process_, SIGQUIT);
    ::waitpid(process_, nullptr, 0);
  }

  [[nodiscard]] bool available() const { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::string& conninfo() const { return conninfo_; }

 private:
  postgres_pooler() {
    const auto& server = postgres_server::instance();
    const auto program = postgres_server::program("pgbouncer");
    if (!server.available()) reason_ = server.reason();
    if (reason_.empty() && !server.is_private()) reason_ = "no pgbouncer: the server is not the test's own";
    if (reason_.empty() && program.empty()) reason_ = "no pgbouncer: it is neither in PATH nor in /usr/sbin";
    if (!reason_.empty()) return;
    // Fewer connections to the server than the stores of a race have to the pooler.
    std::ofstream(server.folder() + "/pgbouncer.ini")
        << "[databases]\npostgres = host=" << server.folder() << " port=5432 user=must\n"
        << "[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = " << server.folder()
        << "\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 500\n";
    conninfo_ = "host=" + server.folder() + " port=6432 user=must dbname=postgres";
    process_ = server.run({program, server.folder() + "/pgbouncer.ini"});
    for (int i = 0; i < 200; ++i) {
      if (PQping(conninfo_.c_str()) == PQPING_OK) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    reason_ = "no pgbouncer: it does not start";
  }

  pid_t owner_ = ::getpid(), process_ = 0;
  std::string conninfo_{}, reason_{};
};

}  // namespace must_test
