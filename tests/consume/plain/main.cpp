// SPDX-License-Identifier: MIT
// The core and the stores in memory and in a file, for what CMake's tests do not build with: the storage suite, its
// races included, and a command, without a test framework.
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/storage/sqlite.hpp"
#include "must/testing/storage_suite.hpp"

#include <stdlib.h>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

struct temporary_folder {
  temporary_folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "must-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = pattern;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

struct file_fixture {
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true, .durable = true};
  must::sqlite_store& store() {
    if (!store_) reopen();
    return *store_;
  }
  void reopen() {
    store_.emplace(must::sqlite_options{
        .path = folder.path + "/events.db", .durability = must::sqlite_durability::normal, .unindexed_events = 3});
  }
  temporary_folder folder{};
  std::optional<must::sqlite_store> store_{};
};

struct memory_fixture {
  static constexpr must::testing::capabilities capabilities{.cells = true, .batches = true, .waiting = true};
  must::memory_store<>& store() { return store_; }
  must::memory_store<> store_{};
};

template <typename Fixture>
int run(const char* name) {
  const auto done =
      must::testing::run_storage_suite<Fixture>([](const must::testing::storage_case& one, const std::string& why) {
        if (!why.empty()) std::printf("%s %s: %s\n", one.id.c_str(), one.says.c_str(), why.c_str());
      });
  std::printf("%s: %d cases hold, %zu do not\n", name, done.passed, done.failures.size());
  return done.failures.empty() && done.passed > 0 ? 0 : 1;
}

struct Noted {
  static constexpr const char* type = "Noted";
  int number;
};
struct Note {
  int number;
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(number > 0, "number must be positive"); }
  Noted be_translated_to_events() const { return {number}; }
};

int run_commands() {
  must::memory_store<Noted> store;
  const bool holds = must::process_command(Note{1}, store).last == 1 &&
                     must::try_process_command(Note{0}, store).error().message == "number must be positive";
  std::printf("commands: %s\n", holds ? "hold" : "do not hold");
  return holds ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run<memory_fixture>("memory") + run<file_fixture>("file") + run_commands();
  } catch (const std::exception& why) {
    std::printf("%s\n", why.what());
    return 1;
  }
}
