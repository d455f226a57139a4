// SPDX-License-Identifier: MIT
// What libcurl keeps for one connection, and the headers of one request.
#pragma once

#include "must/http/message.hpp"
#include "must/http/without_sigpipe.hpp"

#include <curl/curl.h>

#include <memory>
#include <new>
#include <string>

#if LIBCURL_VERSION_NUM < 0x075000
#error "must needs libcurl 7.80 or later."
#include "must/stops_here"
#endif

namespace must::detail::http {

// Starts libcurl once in a program. A library that has started it already does no harm.
inline void start_curl() {
  static const CURLcode started = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw failure("libcurl cannot be started", false, false);
}

// A handle of libcurl, which keeps its connection open for the next request.
class handle {
 public:
  handle() {
    start_curl();
    easy_.reset(::curl_easy_init());
    if (easy_ == nullptr) throw std::bad_alloc();
  }

  [[nodiscard]] CURL* get() const { return easy_.get(); }
  // Forgets the options of the last request, and keeps the connection.
  void reset() { ::curl_easy_reset(easy_.get()); }

  template <typename Value>
  void set(CURLoption option, Value value) {
    const auto code = (::curl_easy_setopt)(easy_.get(), option, value);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK)
      throw failure(std::string("libcurl refuses an option: ") + ::curl_easy_strerror(code), false, false);
  }

 private:
  struct end {
    void operator()(CURL* easy) const {
      const without_sigpipe quiet;
      ::curl_easy_cleanup(easy);
    }
  };
  std::unique_ptr<CURL, end> easy_{};
};

class header_list {
 public:
  void add(const std::string& line) {
    auto* const longer = ::curl_slist_append(lines_.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    if (lines_ == nullptr) lines_.reset(longer);  // A longer list begins where it began.
  }
  [[nodiscard]] curl_slist* get() const { return lines_.get(); }

 private:
  struct end {
    void operator()(curl_slist* lines) const { ::curl_slist_free_all(lines); }
  };
  std::unique_ptr<curl_slist, end> lines_{};
};

}  // namespace must::detail::http
