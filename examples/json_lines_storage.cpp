// SPDX-License-Identifier: MIT
// A storage of your own over a plain file: each append is a line of JSON, and the file is read when it is opened.
#include <must/storage/kit/judge.hpp>
#include <must/storage/kit/matching.hpp>
#include <must/storage/kit/read_window.hpp>
#include <must/storage/kit/row.hpp>
#include <must/storage/kit/validate.hpp>
#include <must/testing/storage_suite.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

using nlohmann::json;
namespace kit = must::kit;
// JSON holds no bytes: they travel as numbers.
json to_numbers(std::string_view bytes) { return std::vector<std::uint8_t>(bytes.begin(), bytes.end()); }
std::string to_bytes(const std::vector<std::uint8_t>& numbers) { return {numbers.begin(), numbers.end()}; }

class json_lines_store {
  auto locked(auto&& use) {
    const std::lock_guard lock(mutex_);
    return use();
  }

 public:
  using data_type = must::payload;
  using event = must::cloud_event;
  using record = must::recorded<must::payload>;
  explicit json_lines_store(std::string path) : path_(std::move(path)) {
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line) && !in.eof(); size_ += line.size() + 1) keep(json::parse(line));
    if (in.is_open()) std::filesystem::resize_file(path_, size_);  // without a line that was torn
    out_.open(path_, std::ios::app);
  }
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    kit::check_append(std::span<const event>(events), condition);
    const std::lock_guard lock(mutex_);
    facts stored{*this, events};
    if (const auto answer = kit::judge(stored, std::span<const event>(events), condition)) return *answer;
    recorded_at_ = std::max(origin_.clock->now().microseconds, recorded_at_);
    json line;
    for (const auto& one : events) line.push_back(written(one, recorded_at_));
    const auto text = line.dump() + '\n';
    if (!(out_ << text).flush()) fail();
    size_ += text.size();
    keep(line);
    return must::appended{log_.size() - events.size() + 1, log_.size()};
  }
  template <typename Visitor>
  must::read_result read(const must::query& query, const must::read_options& options, Visitor&& visitor) {
    kit::check_read(query, options);
    const auto end = head();
    kit::read_window window(options, end);
    if (options.with_last_event && end != 0) {
      const auto last = locked([&] { return log_[end - 1]; });
      window.note_last(last.source, last.id);
    }
    while (!window.is_over()) {
      auto& left = window.bounds();
      const auto which = options.order == must::direction::forwards ? left.low : left.high;
      const auto one = locked([&] { return log_[which - 1]; });
      left.move_beyond(one);
      if (left.has_version(one.version) && kit::matches(query, one) && !window.visit(visitor, one)) break;
    }
    return window.result();
  }
  must::position head() {
    return locked([&] { return log_.size(); });
  }
  must::version version(std::string_view stream) {
    return locked([&] { return versions_[std::string(stream)]; });
  }
  std::optional<record> find(std::string_view source, std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto at = place_of(source, id).at;
    return at == 0 ? std::nullopt : std::optional(log_[at - 1]);
  }
  const must::origin& origin() const { return origin_; }

 private:
  // What the kit asks of a store to judge an append.
  struct facts {
    must::position head() const { return in.log_.size(); }
    kit::known_event known(std::size_t i) const { return in.place_of(events[i].source, events[i].id); }
    bool same_content(std::size_t i, must::position at) const { return kit::same_content(in.log_[at - 1], events[i]); }
    bool has(const must::seen_event& seen) const { return in.place_of(seen.source, seen.id).at == seen.position; }
    must::version version(std::string_view stream) const { return in.versions_[std::string(stream)]; }
    must::position last_match(const must::query& which, must::position after) const {
      for (auto at = head(); at > after; --at)
        if (kit::matches(which, in.log_[at - 1])) return at;
      return 0;
    }
    json_lines_store& in;
    std::span<const event> events;
  };
  [[noreturn]] void fail() {
    out_ = std::ofstream(path_, std::ios::app);
    std::filesystem::resize_file(path_, size_);  // all of an append, or nothing
    must::raise({.code = must::error_code::storage_error, .message = path_ + " cannot be written"});
  }
  kit::known_event place_of(std::string_view source, std::string_view id) {
    const auto found = places_.find({std::string(source), std::string(id)});
    return found == places_.end() ? kit::known_event{} : found->second;
  }
  static json written(const event& one, std::int64_t now) {
    json to{{"id", one.id}, {"source", one.source}, {"type", one.type}, {"stream", one.subject}};
    to["tags"] = std::vector<std::string>(one.tags.begin(), one.tags.end());
    to["recorded"] = now, to["time"] = one.time ? json(one.time->microseconds) : json();
    to["attributes"] = to_numbers(kit::pack_attributes(one)), to["kind"] = one.data.state();
    to["media"] = to_numbers(one.data.content_type()), to["data"] = to_numbers(one.data.bytes());
    return to;
  }
  void keep(const json& line) {
    for (const auto& from : line) {
      record one;
      one.id = from["id"], one.source = from["source"], one.type = from["type"], one.subject = from["stream"];
      one.tags = must::tag_set(from["tags"].get<std::vector<std::string>>());
      if (!from["time"].is_null()) one.time = kit::plain_time(from["time"]);
      const auto erased = kit::unpack_attributes(to_bytes(from["attributes"]), one);
      kit::unpack_payload(from["kind"], to_bytes(from["media"]), to_bytes(from["data"]), erased, one.data);
      one.recorded_at = kit::plain_time(recorded_at_ = from["recorded"]), one.position = log_.size() + 1;
      if (!one.subject.empty()) one.version = ++versions_[one.subject];
      places_[{one.source, one.id}] = {one.position, static_cast<std::uint64_t>(&from - &line[0]), line.size()};
      log_.push_back(one);
    }
  }
  std::string path_;
  std::ofstream out_;
  std::uintmax_t size_ = 0;
  std::int64_t recorded_at_ = 0;
  must::origin origin_;
  std::mutex mutex_;
  std::vector<record> log_;
  std::map<std::string, must::version> versions_;
  std::map<std::pair<std::string, std::string>, kit::known_event> places_;  // by source and id
};

struct fixture {
  static constexpr must::testing::capabilities capabilities{.durable = true};
  ~fixture() { std::filesystem::remove("events.jsonl"); }
  json_lines_store& store() { return *store_; }
  void reopen() { store_.emplace("events.jsonl"); }
  std::optional<json_lines_store> store_{"events.jsonl"};
};

int main() {
  const auto done = must::testing::run_storage_suite<fixture>([](const auto& one, const std::string& why) {
    std::cout << one.id << ' ' << one.says << (why.empty() ? "" : ": FAILED: " + why) << '\n';
  });
  std::cout << done.passed << " cases hold, " << done.failures.size() << " do not\n";
  return done.failures.empty() ? 0 : 1;
}
