// SPDX-License-Identifier: MIT
// durable_store on a server of S3 against requests by hand on one connection that is kept open: conditional puts of as
// many bytes, and gets of the same objects. The server is that of the tests, or the one that MUST_TEST_S3 names.
#include "must/detail/crc32c.hpp"
#include "must/http/sigv4.hpp"
#include "must/storage/durable.hpp"
#include "must/storage/group_commit.hpp"
#include "must/storage/objects/s3.hpp"
#include "must/text/base64.hpp"

#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"
#include "servers/http_proxy.hpp"
#include "servers/s3.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bench::stopwatch;
namespace http = must::detail::http;
using s3_store = must::durable_store<must::s3_objects>;

constexpr std::size_t appends = 300, threads = 64, each = 20, far_appends = 40, read_events = 60'000, batch = 500;

void need(bool is_so) {
  if (!is_so) std::abort();
}

std::string crc32c_of(std::string_view bytes) {
  const auto sum = must::detail::crc32c(bytes);
  std::string big_endian;
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    big_endian += static_cast<char>(static_cast<unsigned char>(sum >> shift));
  return must::detail::text::to_base64(big_endian);
}

// By hand: one connection, one write for each request, and the answer read to its end.
class raw_bucket {
 public:
  explicit raw_bucket(const must::s3_options& options) : options_(options) {
    host_ = options.endpoint.substr(options.endpoint.find("://") + 3);
    const auto colon = host_.rfind(':');
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    need(::getaddrinfo(host_.substr(0, colon).c_str(), host_.c_str() + colon + 1, &hints, &found) == 0);
    socket_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(::connect(socket_, found->ai_addr, found->ai_addrlen) == 0);
    ::freeaddrinfo(found);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  raw_bucket(const raw_bucket&) = delete;
  raw_bucket& operator=(const raw_bucket&) = delete;
  ~raw_bucket() { ::close(socket_); }

  void put(const std::string& key, std::string_view body) {
    // A server that is given no checksum makes one of a kind that takes it longer.
    ask("PUT", key, {{"If-None-Match", "*"}, {"x-amz-checksum-crc32c", crc32c_of(body)}}, body);
    need(status_ == 200);
  }
  std::string get(const std::string& key) {
    auto body = ask("GET", key, {}, {});
    need(status_ == 200);
    return body;
  }

 private:
  std::string ask(const std::string& method, const std::string& key, std::vector<http::header> headers,
                  std::string_view body) {
    char time[32];
    const auto now = ::time(nullptr);
    tm parts{};
    ::strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", ::gmtime_r(&now, &parts));
    const auto payload = http::to_hex(http::sha256_of(body));
    http::request signs{.method = method,
                        .target = '/' + options_.bucket + '/' + http::percent_encoded(options_.prefix + key, true),
                        .headers = std::move(headers)};
    signs.headers.push_back({"Host", host_});
    signs.headers.push_back({"x-amz-date", time});
    signs.headers.push_back({"x-amz-content-sha256", payload});
    signs.headers.push_back(
        {"Authorization",
         http::authorization(signs, payload, {options_.credentials.access_key, options_.credentials.secret_key},
                             {.time = time, .region = options_.region})});
    std::string message = method + ' ' + signs.target + " HTTP/1.1\r\n";
    for (const auto& [name, value] : signs.headers) message += name + ": " + value + "\r\n";
    message += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    message += body;
    need(::send(socket_, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size()));
    std::string got;
    std::size_t end = std::string::npos, size = 0;
    char bytes[65'536];
    while (end == std::string::npos || got.size() < end + size) {
      const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
      need(count > 0);
      got.append(bytes, static_cast<std::size_t>(count));
      if (end != std::string::npos || (end = got.find("\r\n\r\n")) == std::string::npos) continue;
      end += 4;
      const auto at = got.find("Content-Length: ");
      size = at < end ? std::strtoull(got.c_str() + at + 16, nullptr, 10) : 0;
    }
    status_ = std::atoi(got.c_str() + 9);
    return got.substr(end);
  }

  must::s3_options options_;
  std::string host_{};
  int socket_ = -1, status_ = 0;
};

must::s3_options fresh() {
  auto options = must_test::s3_server::instance().options();
  if (options.credentials.access_key.empty()) options.credentials = must::detail::s3::credentials_of_environment();
  return options;
}

void put_hand(benchmark::State& state) {
  // As large as the object of one event.
  const auto measured = fresh();
  s3_store store(must::s3_objects(measured), {});
  auto events = bench::make_events(0, 1);
  store.append(events, {}).value();
  const std::string body(must::s3_objects(measured).list("log/").objects.at(0).size, 'x');
  for (auto _ : state) {
    raw_bucket bucket(fresh());
    const stopwatch watch;
    for (std::size_t i = 0; i < appends; ++i) bucket.put("log/" + std::to_string(i), body);
    bench::set_time(state, watch.time() / static_cast<double>(appends));
  }
}
void put_must(benchmark::State& state) {
  for (auto _ : state) {
    s3_store store(must::s3_objects(fresh()), {});
    auto events = bench::make_events(0, appends);
    const stopwatch watch;
    for (auto& event : events) store.append(std::span(&event, 1), {}).value();
    bench::set_time(state, watch.time() / static_cast<double>(appends));
  }
}
void put_64_threads(benchmark::State& state) {
  for (auto _ : state) {
    s3_store store(must::s3_objects(fresh()), {});
    must::group_commit joined(store);
    bench::set_time(state, bench::append_by_threads(joined, threads, each));
  }
}

// The same behind a network on which each request takes 20 ms, as within a cloud.
must_test::http_proxy& far_away() {
  static must_test::http_proxy proxy(
      [](const must_test::http_asked&) { return must_test::http_deed{.milliseconds = 20}; },
      must_test::s3_server::instance().endpoint());
  return proxy;
}
must::s3_options far_options() {
  auto options = fresh();
  options.endpoint = far_away().address();
  return options;
}
void far_must(benchmark::State& state) {
  for (auto _ : state) {
    s3_store store(must::s3_objects(far_options()), {});
    auto events = bench::make_events(0, far_appends);
    const stopwatch watch;
    for (auto& event : events) store.append(std::span(&event, 1), {}).value();
    bench::set_time(state, watch.time() / static_cast<double>(far_appends));
  }
}
void far_64_threads(benchmark::State& state) {
  for (auto _ : state) {
    s3_store store(must::s3_objects(far_options()), {});
    must::group_commit joined(store);
    bench::set_time(state, bench::append_by_threads(joined, threads, each));
  }
}

// A store of which nearly everything is in segments.
class compacted {
 public:
  static compacted& instance() {
    static compacted one;
    return one;
  }
  const must::s3_options options = fresh();

 private:
  compacted() {
    s3_store store(must::s3_objects(options), {.grace = must::duration(2'000'000)});
    for (std::size_t i = 0; i < read_events; i += batch) {
      auto events = bench::make_events(i, batch);
      store.append(events, {}).value();
    }
    auto last = bench::make_events(read_events, 1);
    store.append(last, {}).value();
    static_cast<void>(store.compact());
  }
};
void read_hand(benchmark::State& state) {
  const auto& options = compacted::instance().options;
  std::vector<std::string> keys;
  for (const auto* const prefix : {"seg/", "log/"})
    for (const auto& one : must::s3_objects(options).list(prefix).objects) keys.push_back(one.key);
  raw_bucket bucket(options);
  for (auto _ : state)
    for (const auto& key : keys) benchmark::DoNotOptimize(bucket.get(key));
}
void read_must(benchmark::State& state) {
  s3_store store(must::s3_objects(compacted::instance().options),
                 {.log = {.cache_bytes = 8U << 20U}, .segment_cache_bytes = 6U << 20U});
  for (auto _ : state) {
    std::size_t count = 0;
    store.read(must::query::all(), {}, [&](const auto&) { ++count; });
    need(count == read_events + 1);
  }
}

BENCHMARK(put_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(put_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(put_64_threads)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(far_must)->UseManualTime()->Iterations(1)->Repetitions(3);
BENCHMARK(far_64_threads)->UseManualTime()->Iterations(1)->Repetitions(3);
BENCHMARK(read_hand)->Iterations(3)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(read_must)->Iterations(3)->Repetitions(5)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  if (const auto why = must_test::s3_server::instance().reason(); !why.empty()) {
    std::printf("skipped: %s\n", why.c_str());
    return 0;
  }
  return ratios::run(argc, argv,
                     {{"S3: single appends / conditional puts by hand", "put_must", "put_hand", 1 / 0.9},
                      {"S3: 64 threads, grouped / one thread", "put_64_threads", "put_must", 0.125},
                      {"the same, 20 ms away", "far_64_threads", "far_must", 1 / 25.0},
                      {"S3: reading all after compaction / gets by hand", "read_must", "read_hand", 1 / 0.7}});
}
