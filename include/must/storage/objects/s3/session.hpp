// SPDX-License-Identifier: MIT
// Requests to one bucket: signed, tried again while that can help, and typed errors for what cannot be mended.
#pragma once

#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/http/client.hpp"
#include "must/http/hmac_sha256.hpp"
#include "must/http/message.hpp"
#include "must/http/sigv4.hpp"
#include "must/storage/objects/s3/account.hpp"
#include "must/storage/objects/s3/answers.hpp"
#include "must/storage/objects/s3/options.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::s3 {

// What came of an operation when it is not an answer that its caller can use.
enum class trouble : std::uint8_t { none, busy, unknown };

struct outcome {
  trouble what = trouble::none;
  http::response answer{};
  refusal_of_service why{};
  std::string sentence{};
  std::string code{};  // The service's code, or the status of HTTP.
};

struct operation {
  std::string_view name{};  // "get"
  std::string_view method = "GET";
  std::string_view key{};
  std::vector<std::pair<std::string, std::string>> query{};
  std::vector<http::header> headers{};
  std::string_view body{};
  std::size_t most_bytes = 64U << 10U;
  // The operation may be carried out twice without harm.
  bool is_repeatable = true;
  // The answers beside successes that the caller wants to see.
  std::vector<int> expects{};
};

class session {
 public:
  explicit session(s3_options options)
      : options_(checked(std::move(options))), account_(options_), client_(client_options_of(options_)) {}

  [[nodiscard]] const std::string& prefix() const { return options_.prefix; }

  // Does an operation, again and again while the server is busy. Throws storage_error for what another attempt cannot
  // mend.
  outcome run(const operation& wanted) {
    bool has_new_keys = false, has_new_clock = false;
    for (unsigned attempt = 0;;) {
      const auto keys = account_.now();
      auto made = once(wanted, keys.all);
      if (made.what == trouble::none) {
        if (made.answer.is_success() || expects(wanted, made.answer.status)) return made;
        const auto& code = made.why.code;
        if (!has_new_clock && code == "RequestTimeTooSkewed" && account_.take_clock(made.answer.value_of("date"))) {
          has_new_clock = true;
          continue;
        }
        if (!has_new_keys && is_expired(code) && account_.replace(keys)) {
          has_new_keys = true;
          continue;
        }
        fail(wanted, made, false);
      }
      if ((made.what == trouble::unknown && !wanted.is_repeatable) || ++attempt >= options_.attempts) return made;
      pause(attempt);
    }
  }
  [[noreturn]] void fail(const operation& wanted, const outcome& made, bool retryable) const {
    raise({.code = error_code::storage_error,
           .message = "S3: " + std::string(wanted.name) +
                      (wanted.key.empty() ? "" : " of " + text::in_quotes(wanted.key)) + ": " + made.sentence,
           .operation = std::string(wanted.name),
           .backend_code = made.code,
           .retryable = retryable});
  }
  [[noreturn]] void fail(const operation& wanted, std::string sentence, bool retryable) const {
    fail(wanted, outcome{.sentence = std::move(sentence)}, retryable);
  }

 private:
  static bool is_expired(std::string_view code) {
    return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired" ||
           code == "InvalidToken" || code == "RequestExpired";
  }
  static bool expects(const operation& wanted, int status) {
    return std::find(wanted.expects.begin(), wanted.expects.end(), status) != wanted.expects.end();
  }
  // Pauses with full jitter, for up to 20 ms after the first attempt and up to 2 s after the last ones.
  static void pause(unsigned attempt) {
    const auto bound = std::uint64_t{20'000} << std::min(attempt - 1, 7U);
    pause_for(static_cast<std::int64_t>(random_source::of_this_thread()() % std::min<std::uint64_t>(bound, 2'000'000)));
  }

  static s3_options checked(s3_options options) {
    const auto refuse = [](const char* field, std::string why) {
      raise({.code = error_code::bad_input, .message = std::move(why), .field = field});
    };
    const auto consists_of = [](std::string_view text, std::string_view more) {
      for (const char c : text)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.find(c) != more.npos)) return false;
      return true;
    };
    if (options.bucket.size() < 3 || options.bucket.size() > 63 || !consists_of(options.bucket, ".-") ||
        options.bucket.find("..") != std::string::npos || options.bucket.front() == '.')
      refuse("bucket", "the bucket " + text::in_quotes(options.bucket) +
                           " is not named by 3 to 63 lower-case letters, digits, dots and hyphens");
    if (options.region.empty() || options.region.size() > 64 || !consists_of(options.region, "-"))
      refuse("region", "the region " + text::in_quotes(options.region) +
                           " is not named by 1 to 64 lower-case letters, digits and hyphens");
    if (options.prefix.size() > 256 || !text::is_utf8(options.prefix) || has_control(options.prefix))
      refuse("prefix",
             "the prefix " + text::in_quotes(options.prefix) + " is not at most 256 bytes of printable UTF-8");
    if (options.endpoint.empty())
      options.endpoint =
          "https://s3." + options.region + ".amazonaws.com" + (options.region.starts_with("cn-") ? ".cn" : "");
    options.attempts = std::max(options.attempts, 1U);
    if (!options.endpoint.starts_with("https:")) options.signs_payload = true;
    return options;
  }
  static bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
  }
  static http::client_options client_options_of(const s3_options& options) {
    auto server = options.endpoint;
    static_cast<void>(http::authority_of(server));
    if (options.addressing == s3_addressing::virtual_host) server.insert(server.find("://") + 3, options.bucket + '.');
    return {.server = std::move(server),
            .ca_file = options.ca_file,
            .connections = options.connections,
            .connect_timeout = options.connect_timeout,
            .timeout = options.timeout};
  }

  // Makes one request, and says what came of it.
  outcome once(const operation& wanted, const s3_credentials& by) {
    http::request asks{.method = std::string(wanted.method), .headers = wanted.headers, .body = wanted.body};
    if (options_.addressing == s3_addressing::path) asks.target += options_.bucket + '/';
    if (!wanted.key.empty()) asks.target += http::percent_encoded(options_.prefix + std::string(wanted.key), true);
    if (!wanted.query.empty()) asks.target += '?' + http::canonical_query(wanted.query);
    const auto payload =
        options_.signs_payload ? http::to_hex(http::sha256_of(wanted.body)) : std::string(http::unsigned_payload);
    account_.sign(asks, client_.authority(), payload, by);
    outcome made;
    try {
      made.answer = client_.ask_for_text(asks, wanted.most_bytes);
    } catch (const http::failure& why) {
      made.sentence = why.what();
      made.what = why.may_have_arrived() ? trouble::unknown : trouble::busy;
      const bool is_undone = wanted.is_repeatable || !why.may_have_arrived();
      if (is_undone && !why.may_help_again()) fail(wanted, made, false);
      return made;
    }
    const int status = made.answer.status;
    if (made.answer.is_success() || status == 412) return made;
    made.why = refusal_in(made.answer);
    if (wanted.method == "HEAD") made.why.is_cut = false;
    if (expects(wanted, status) && !made.why.is_cut) return made;
    judge(made, by);
    return made;
  }
  void judge(outcome& made, const s3_credentials& by) const {
    const int status = made.answer.status;
    const auto& code = made.why.code;
    made.code = code.empty() ? std::to_string(status) : code;
    made.sentence = made.code + ": " + sentence_of(made.why, status, by);
    if (code == "SlowDown" || code == "ServiceUnavailable" || code == "Throttling" || code == "ThrottlingException" ||
        code == "RequestLimitExceeded" || code == "ConditionalRequestConflict" || code == "OperationAborted" ||
        code == "RequestTimeout" || status == 429 || (status == 409 && code.empty()))
      made.what = trouble::busy;
    else if (status >= 500 || status == 408 || status < 200 || made.why.is_cut)
      made.what = trouble::unknown;
  }
  // The text of a server is not handed on when it holds a credential.
  [[nodiscard]] std::string sentence_of(const refusal_of_service& why, int status, const s3_credentials& by) const {
    if (status == 301 || status == 307 || status == 308 ||
        (!why.region.empty() && why.region != options_.region &&
         (why.code == "AuthorizationHeaderMalformed" || why.code == "PermanentRedirect"))) {
      if (why.region.empty())
        return "the bucket is in another region than " + options_.region + ", or at another endpoint";
      return "the bucket is in the region " + text::printable(why.region.substr(0, 64)) + ", and not in " +
             options_.region;
    }
    for (const auto* const secret : {&by.access_key, &by.secret_key, &by.session_token})
      if (!secret->empty() && why.message.find(*secret) != std::string::npos)
        return "the server refuses the credentials";
    if (why.code == "NoSuchBucket") return "the bucket is missing";
    if (why.message.empty()) return "the server answers with the status " + std::to_string(status);
    return text::printable(why.message.substr(0, 300));
  }

  s3_options options_;
  account account_;
  http::client client_;
};

}  // namespace must::detail::s3
