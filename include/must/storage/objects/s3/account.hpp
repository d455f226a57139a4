// SPDX-License-Identifier: MIT
// By whose keys requests are signed: they are given, stand in the environment, or come from a callback that renews
// them.
#pragma once

#include "must/error.hpp"
#include "must/http/message.hpp"
#include "must/http/sigv4.hpp"
#include "must/storage/objects/s3/options.hpp"

#include <curl/curl.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::s3 {

inline std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

inline s3_credentials credentials_of_environment() {
  return {environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"), environment("AWS_SESSION_TOKEN")};
}

// Returns the time as requests are signed with it, such as "20130524T000000Z".
inline std::string signing_time(std::int64_t seconds) {
  const auto time = static_cast<::time_t>(seconds);
  ::tm parts{};
  char text[32] = {};
  if (::gmtime_r(&time, &parts) == nullptr || ::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts) == 0) return {};
  return text;
}

class account {
 public:
  struct keys {
    s3_credentials all{};
    std::uint64_t renewal = 0;
  };

  explicit account(const s3_options& options) : region_(options.region), renew_(options.renew) {
    current_.all = options.credentials;
    if (current_.all.access_key.empty() && !renew_) current_.all = credentials_of_environment();
    if (current_.all.access_key.empty() && !renew_)
      raise({.code = error_code::bad_input,
             .message = "s3_objects has no credentials: neither its options nor AWS_ACCESS_KEY_ID give any",
             .field = "credentials"});
    check(current_.all);
  }

  [[nodiscard]] keys now() {
    const std::lock_guard lock(mutex_);
    if (current_.all.access_key.empty()) renew();
    return current_;
  }
  // Takes new keys unless another thread has done so since `used` were current. Returns false when there are none.
  bool replace(const keys& used) {
    const std::lock_guard lock(mutex_);
    if (current_.renewal != used.renewal) return true;
    if (!renew_) return false;
    renew();
    return true;
  }
  // Takes the clock of the server from the header Date of its answer. Returns false when there is none.
  bool take_clock(std::string_view date) {
    const auto theirs = ::curl_getdate(std::string(date).c_str(), nullptr);
    if (theirs <= 0) return false;
    ahead_ = static_cast<std::int64_t>(theirs - ::time(nullptr));
    return true;
  }
  // Adds the headers that a signature takes, and the signature.
  void sign(http::request& signs, const std::string& host, std::string_view payload, const s3_credentials& by) const {
    const auto time = signing_time(static_cast<std::int64_t>(::time(nullptr)) + ahead_);
    signs.headers.push_back({"Host", host});
    signs.headers.push_back({"x-amz-date", time});
    signs.headers.push_back({"x-amz-content-sha256", std::string(payload)});
    if (!by.session_token.empty()) signs.headers.push_back({"x-amz-security-token", by.session_token});
    signs.headers.push_back({"Authorization", http::authorization(signs, payload, {by.access_key, by.secret_key},
                                                                  {.time = time, .region = region_})});
  }

 private:
  static void check(const s3_credentials& given) {
    for (const auto* const one : {&given.access_key, &given.secret_key, &given.session_token})
      for (const char c : *one)
        if (c <= ' ' || c > '~')
          raise({.code = error_code::bad_input,
                 .message = "the credentials hold a blank or a byte that is no printable ASCII",
                 .field = "credentials"});
  }
  void renew() {
    auto made = renew_();
    check(made);
    if (made.access_key.empty())
      raise({.code = error_code::bad_input,
             .message = "the function that renews the credentials has returned none",
             .field = "credentials"});
    current_.all = std::move(made);
    ++current_.renewal;
  }

  std::string region_;
  std::function<s3_credentials()> renew_;
  std::mutex mutex_{};
  keys current_{};
  std::atomic<std::int64_t> ahead_{0};  // Seconds that the clock of the server is ahead.
};

}  // namespace must::detail::s3
