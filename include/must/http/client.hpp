// SPDX-License-Identifier: MIT
// A client of one HTTP server, for any number of threads. Its connections are kept open and bounded in number.
#pragma once

#include "must/error.hpp"
#include "must/http/exchange.hpp"
#include "must/http/handle.hpp"
#include "must/http/message.hpp"
#include "must/http/without_sigpipe.hpp"
#include "must/storage/kit/lease_pool.hpp"
#include "must/text/quoted.hpp"
#include "must/text/uri.hpp"
#include "must/timestamp.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace must::detail::http {

struct client_options {
  // "https://host:8443", without a user, a path or a query.
  std::string server{};
  // A file of certificates that are trusted in place of the system's. Empty for the system's.
  std::string ca_file{};
  std::size_t connections = 64;
  must::duration connect_timeout{5'000'000};
  // The longest time of a request, from its call to the end of the answer.
  must::duration timeout{30'000'000};
};

// Returns the host with its port, as the header Host names it.
inline std::string authority_of(std::string_view server) {
  const auto refuse = [](std::string_view why) {
    raise({.code = error_code::bad_input,
           .message = "the address of a server " + std::string(why) + ", such as https://host:8443",
           .field = "endpoint"});
  };
  const auto length = text::scheme_length(server);
  const auto scheme = server.substr(0, length);
  if ((!is_same_name(scheme, "http") && !is_same_name(scheme, "https")) || !server.substr(length).starts_with("://"))
    refuse("begins with http:// or https://");
  auto rest = server.substr(length + 3);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != rest.npos) refuse("names no user and no password");
  if (rest.empty() || rest.find_first_of("/?#") != rest.npos || !text::is_uri_authority(rest))
    refuse("is a scheme, a host and a port");
  return std::string(rest);
}

class client {
 public:
  // Throws bad_input when the address of the server is none.
  explicit client(client_options options)
      : options_(std::move(options)),
        authority_(authority_of(options_.server)),
        pool_(options_.connections, options_.connections) {
    if (options_.server.ends_with('/')) options_.server.pop_back();
  }

  [[nodiscard]] const std::string& authority() const { return authority_; }

  // Asks the server, and hands the body of a success to `take(piece)`, which returns false to stop. The body of any
  // other answer is in the response, cut after 64 KiB. Throws failure when no whole answer came; what `take` throws
  // passes.
  template <typename Take>
  response ask(const request& wanted, Take&& take) {
    using taker = std::remove_reference_t<Take>;
    return ask(wanted, sink{const_cast<void*>(static_cast<const void*>(&take)), [](void* to, std::string_view piece) {
                              return static_cast<bool>((*static_cast<taker*>(to))(piece));
                            }});
  }
  // Asks the server for a body of at most so many bytes. A longer one is a failure.
  response ask_for_text(const request& wanted, std::size_t most_bytes) {
    std::string body;
    auto answer = ask(wanted, [&](std::string_view piece) {
      if (piece.size() > most_bytes - body.size()) return false;
      body += piece;
      return true;
    });
    if (answer.stopped)
      throw failure("the answer is longer than " + std::to_string(most_bytes) + " bytes", true, false);
    if (answer.is_success()) answer.body = std::move(body);
    return answer;
  }

 private:
  using clock = std::chrono::steady_clock;

  static long milliseconds(std::chrono::microseconds span) {
    return static_cast<long>(std::clamp<std::int64_t>(span.count() / 1'000, 1, 2'000'000'000));
  }

  response ask(const request& wanted, sink to) {
    const auto deadline = clock::now() + std::chrono::milliseconds(milliseconds(options_.timeout));
    auto one = pool_.take(deadline, [] { return std::make_unique<handle>(); });
    if (!one) throw failure("no connection was free in time", false, true);
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - clock::now());
    return run(**one, wanted, to, milliseconds(left));
  }
  response run(handle& on, const request& wanted, sink to, long timeout) {
    header_list lines;
    for (const auto& [name, value] : wanted.headers) {
      if (name.find_first_of("\r\n:") != name.npos || value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos)
        throw failure("a header holds a line break", false, false);
      std::string line = name;
      if (value.empty())
        line += ';';
      else
        (line += ": ") += value;
      lines.add(line);
    }
    lines.add("Expect:");
    const bool is_head = wanted.method == "HEAD", reads = is_head || wanted.method == "GET";
    exchange current(on.get(), to, reads);
    char why[CURL_ERROR_SIZE] = {};
    on.reset();
    on.set(CURLOPT_URL, (options_.server + wanted.target).c_str());
    on.set(CURLOPT_PATH_AS_IS, 1L);
    if (is_head)
      on.set(CURLOPT_NOBODY, 1L);
    else if (wanted.method == "POST" || wanted.method == "PUT") {
      on.set(CURLOPT_POST, 1L);
      on.set(CURLOPT_POSTFIELDS, wanted.body.data() == nullptr ? "" : wanted.body.data());
      on.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(wanted.body.size()));
    }
    if (!reads && wanted.method != "POST") on.set(CURLOPT_CUSTOMREQUEST, wanted.method.c_str());
    on.set(CURLOPT_HTTPHEADER, lines.get());
    on.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    on.set(CURLOPT_NOSIGNAL, 1L);
    on.set(CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout, milliseconds(bounded_connect())));
    on.set(CURLOPT_TIMEOUT_MS, timeout);
    on.set(CURLOPT_BUFFERSIZE, 64L << 10U);
    on.set(CURLOPT_TCP_KEEPALIVE, 1L);
    on.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!options_.ca_file.empty()) on.set(CURLOPT_CAINFO, options_.ca_file.c_str());
    on.set(CURLOPT_ERRORBUFFER, static_cast<char*>(why));
    on.set(CURLOPT_PREREQFUNCTION, &exchange::before_request);
    on.set(CURLOPT_PREREQDATA, static_cast<void*>(&current));
    on.set(CURLOPT_HEADERFUNCTION, &exchange::take_header);
    on.set(CURLOPT_HEADERDATA, static_cast<void*>(&current));
    on.set(CURLOPT_WRITEFUNCTION, &exchange::take_body);
    on.set(CURLOPT_WRITEDATA, static_cast<void*>(&current));
    const auto code = [&] {
      const without_sigpipe quiet;
      return ::curl_easy_perform(on.get());
    }();
    on.set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
    current.rethrow();
    if (code != CURLE_OK && !current.answer().stopped) fail(code, why, current);
    if (!current.has_all_headers()) throw failure(authority_ + ": the headers of the answer are cut off", true, true);
    long status = 0;
    static_cast<void>(::curl_easy_getinfo(on.get(), CURLINFO_RESPONSE_CODE, &status));
    current.answer().status = static_cast<int>(status);
    return std::move(current.answer());
  }
  [[nodiscard]] std::chrono::microseconds bounded_connect() const {
    return std::chrono::microseconds(std::max<std::int64_t>(options_.connect_timeout.microseconds, 0));
  }
  [[noreturn]] void fail(CURLcode code, std::string_view why, const exchange& current) const {
    const auto told = [&](std::string_view sentence) { return authority_ + ": " + std::string(sentence); };
    if (current.has_too_many_headers()) throw failure(told("the headers of the answer have no end"), true, false);
    if (current.is_repeated()) throw failure(told("the connection ended before an answer came"), true, true);
    const auto sentence = why.empty() ? std::string_view(::curl_easy_strerror(code)) : why;
    const bool is_hopeless = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                             code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
    throw failure(told(text::printable(sentence)), current.has_begun(), !is_hopeless);
  }

  client_options options_;
  std::string authority_;
  kit::lease_pool<handle> pool_;
};

}  // namespace must::detail::http
