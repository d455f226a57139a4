// SPDX-License-Identifier: MIT
// A server of S3 for tests: started from the test on loopback, and gone with the process, also with one that crashes.
#pragma once

#include "must/storage/objects/s3/options.hpp"

#include "support/temporary_folder.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace must_test {

// One of tests/servers/NAME.sh, on data of its own.
class scripted_server {
 public:
  explicit scripted_server(const std::string& name) : script_(find_script(name + ".sh")) {
    const auto set = [](const char* variable) { return std::getenv(variable) == nullptr ? "" : std::getenv(variable); };
    std::string cache = set("MUST_SERVERS");
    if (cache.empty() && *set("XDG_CACHE_HOME") != '\0') cache = std::string(set("XDG_CACHE_HOME")) + "/must/servers";
    if (cache.empty()) cache = std::string(set("HOME")) + "/.cache/must/servers";
    if (!std::filesystem::exists(cache + '/' + name)) {
      reason_ = "the server " + name + " has not been fetched: cmake/setup.sh servers does that";
      return;
    }
    if (run("start") != 0) {
      reason_ = "the server " + name + " does not start";
      return;
    }
    // Ends the server when this process has ended, in whatever way.
    const auto watch =
        "trap '' INT TERM HUP; read nothing; " + script_ + " kill " + folder_.path + "; rm -rf " + folder_.path;
    watcher_ = ::popen(watch.c_str(), "we");
    std::ifstream(folder_.path + "/address") >> address_;
  }
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;
  ~scripted_server() {
    if (watcher_ != nullptr && owner_ == ::getpid()) ::pclose(watcher_);
  }

  // Why it does not run, or nothing.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const std::string& folder() const { return folder_.path; }
  void kill() {
    if (run("kill") != 0) throw std::runtime_error("the server cannot be killed");
  }
  void again() {
    if (run("again") != 0) throw std::runtime_error("the server does not come back");
  }

 private:
  // A compiler may have been given a path of this file that is relative to the build folder, which the test runs in.
  static std::string find_script(const std::string& name) {
    const auto beside = std::filesystem::absolute(__FILE__).parent_path() / name;
    if (std::filesystem::exists(beside)) return beside.string();
    for (auto folder = std::filesystem::current_path(); folder.has_relative_path(); folder = folder.parent_path())
      if (const auto found = folder / "tests" / "servers" / name; std::filesystem::exists(found)) return found.string();
    throw std::runtime_error("there is no tests/servers/" + name + " above the folder of the test");
  }
  [[nodiscard]] int run(const char* action) const {
    return std::system((script_ + ' ' + action + ' ' + folder_.path + " >/dev/null 2>&1").c_str());
  }

  std::string script_, reason_{}, address_{};
  temporary_folder folder_{};
  std::FILE* watcher_ = nullptr;
  ::pid_t owner_ = ::getpid();
};

// The server that the tests use. MUST_TEST_S3 names another, as in "http://host:9000/bucket", with its region and keys
// in AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
class s3_server {
 public:
  static s3_server& instance() {
    static s3_server server;
    return server;
  }

  [[nodiscard]] std::string reason() const { return own_ == nullptr ? std::string() : own_->reason(); }
  [[nodiscard]] bool is_own() const { return own_ != nullptr; }
  [[nodiscard]] scripted_server& own() const { return *own_; }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  // The options of a place of its own in the bucket.
  [[nodiscard]] must::s3_options options() const {
    static std::atomic<int> count{0};
    must::s3_options options{.endpoint = endpoint_, .bucket = bucket_};
    options.prefix = "must-test/" + std::to_string(::getpid()) + '-' + std::to_string(++count) + '/';
    if (own_ != nullptr) options.credentials = {"AK", "SK", ""};
    if (const char* const region = std::getenv("AWS_REGION"); own_ == nullptr && region != nullptr)
      options.region = region;
    return options;
  }

 private:
  s3_server() {
    if (const char* const given = std::getenv("MUST_TEST_S3")) {
      endpoint_ = given;
      const auto slash = endpoint_.find('/', endpoint_.find("://") + 3);
      if (slash == std::string::npos) throw std::runtime_error("MUST_TEST_S3 names no bucket");
      bucket_ = endpoint_.substr(slash + 1);
      endpoint_.resize(slash);
      return;
    }
    static scripted_server server("s3");
    own_ = &server;
    endpoint_ = server.address();
    bucket_ = "must";
  }

  scripted_server* own_ = nullptr;
  std::string endpoint_{}, bucket_{};
};

}  // namespace must_test
