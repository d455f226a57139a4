// SPDX-License-Identifier: MIT
// One request on a handle: what libcurl calls back while it runs, with bounds on what a server may send.
#pragma once

#include "must/http/message.hpp"

#include <curl/curl.h>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace must::detail::http {

inline constexpr std::size_t most_header_bytes = 128U << 10U;
inline constexpr std::size_t most_refusal_bytes = 64U << 10U;

// Takes the body of a success, piece by piece. It returns false to stop the transfer.
struct sink {
  void* target = nullptr;
  bool (*give)(void* target, std::string_view piece) = nullptr;
};

class exchange {
 public:
  exchange(CURL* easy, sink to, bool is_repeatable) : easy_(easy), sink_(to), is_repeatable_(is_repeatable) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  [[nodiscard]] response& answer() { return answer_; }
  // The request, or a part of it, may have left.
  [[nodiscard]] bool has_begun() const { return begun_ > 0; }
  [[nodiscard]] bool is_repeated() const { return begun_ > 1; }
  // The empty line behind the headers came. libcurl takes headers that are cut off for an answer.
  [[nodiscard]] bool has_all_headers() const { return has_all_headers_; }
  [[nodiscard]] bool has_too_many_headers() const { return header_bytes_ > most_header_bytes; }
  void rethrow() const {
    if (thrown_ != nullptr) std::rethrow_exception(thrown_);
  }

  // libcurl sends a request again when a connection that was kept open turns out to be dead. What the first one has
  // done is unknown then, so that only a request that changes nothing goes out again.
  static int before_request(void* self, char*, char*, int, int) {
    auto& one = *static_cast<exchange*>(self);
    ++one.begun_;
    return one.begun_ > 1 && !one.is_repeatable_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  }
  static std::size_t take_header(char* bytes, std::size_t, std::size_t count, void* self) {
    return static_cast<exchange*>(self)->guarded(count, [&](exchange& one) { return one.header({bytes, count}); });
  }
  static std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* self) {
    return static_cast<exchange*>(self)->guarded(count, [&](exchange& one) { return one.body({bytes, count}); });
  }

 private:
  // Returns `count`, or what stops the transfer. No exception passes through libcurl.
  template <typename Take>
  std::size_t guarded(std::size_t count, Take&& take) noexcept {
    try {
      if (take(*this)) return count;
    } catch (...) {
      thrown_ = std::current_exception();
    }
    return count == 0 ? 1 : 0;
  }
  bool header(std::string_view line) {
    header_bytes_ += line.size();
    if (has_too_many_headers()) return false;
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    // An interim answer, such as "100 Continue", comes before the final one.
    if (line.starts_with("HTTP/")) answer_.headers.clear();
    has_all_headers_ = line.empty();
    const auto colon = line.find(':');
    if (colon == line.npos || colon == 0 || line.starts_with("HTTP/")) return true;
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    answer_.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
    return true;
  }
  bool body(std::string_view piece) {
    if (answer_.status == 0) {
      long status = 0;
      static_cast<void>(::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status));
      answer_.status = static_cast<int>(status);
    }
    if (answer_.is_success()) {
      if (sink_.give(sink_.target, piece)) return true;
      answer_.stopped = true;
      return false;
    }
    answer_.body.append(piece.substr(0, most_refusal_bytes - answer_.body.size()));
    return true;
  }

  CURL* easy_;
  sink sink_;
  bool is_repeatable_;
  response answer_{};
  std::exception_ptr thrown_{};
  std::size_t header_bytes_ = 0;
  unsigned begun_ = 0;
  bool has_all_headers_ = false;
};

}  // namespace must::detail::http
