// SPDX-License-Identifier: MIT
// Runs a program beside a private PostgreSQL: `with_postgres PROGRAM ARGUMENT...`; the connection is added to the last.
#include "servers/expected.hpp"
#include "servers/postgres.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto& server = must_test::postgres_server::instance();
  if (!server.available()) {
    if (must_test::is_expected("postgresql") && !server.is_excused()) {
      std::cerr << server.reason() << '\n';
      return 1;
    }
    std::cout << "skipped: " << server.reason() << '\n';
    return 0;
  }
  std::string last = argv[argc - 1] + server.conninfo();
  std::vector<char*> arguments(argv + 1, argv + argc - 1);
  arguments.push_back(last.data());
  arguments.push_back(nullptr);
  const auto child = ::fork();
  if (child == 0) {
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
