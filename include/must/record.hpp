// SPDX-License-Identifier: MIT
// The envelope of an event: the attributes of CloudEvents, the tags of `must`, and where the event is stored.
#pragma once

#include "must/fwd.hpp"
#include "must/stream_version.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace must {

/// Bytes as the value of an attribute.
struct binary {
  std::string bytes{};  ///< Any bytes, zero bytes among them.
  friend bool operator==(const binary&, const binary&) = default;
};
/// An absolute URI as the value of an attribute.
struct uri {
  std::string text{};  ///< The URI as RFC 3986 writes it.
  friend bool operator==(const uri&, const uri&) = default;
};
/// A URI, or a reference relative to one, as the value of an attribute.
struct uri_reference {
  std::string text{};  ///< The reference as RFC 3986 writes it.
  friend bool operator==(const uri_reference&, const uri_reference&) = default;
};

/// The value of an attribute of an event. \see CloudEvents 1.0.2, section 3.2 "Type System"
using attribute_value = std::variant<bool, std::int32_t, std::string, binary, uri, uri_reference, timestamp>;

/// Attributes by name. A name consists of the letters a to z and digits, and is not empty.
using attributes = std::map<std::string, attribute_value, std::less<>>;  // NOLINT(misc-include-cleaner)

/// The tags of an event: a set, sorted bytewise.
class tag_set {
 public:
  tag_set() = default;
  /// Makes a set of these tags, which may come in any order and repeat.
  tag_set(std::initializer_list<std::string_view> tags) : tag_set(std::vector<std::string>(tags.begin(), tags.end())) {}
  /// Makes a set of these tags, which may repeat. That is linear in their number when they are sorted, else N log N.
  explicit tag_set(std::vector<std::string> tags) {
    if (is_a_set(tags)) {
      tags_ = std::move(tags);
      return;
    }
    std::map<std::string, char> sorted;  // NOLINT(misc-include-cleaner)
    for (auto& tag : tags) sorted.try_emplace(std::move(tag));
    tags_.reserve(sorted.size());
    while (!sorted.empty()) tags_.push_back(std::move(sorted.extract(sorted.begin()).key()));
  }

  /// Adds a tag, unless the set has it. That is linear in the number of tags.
  void insert(std::string tag) {
    const auto at = lower_bound(tag);
    if (at == tags_.end() || *at != tag) tags_.insert(at, std::move(tag));
  }
  /// Gives the tags away, sorted bytewise.
  [[nodiscard]] std::vector<std::string> release() && { return std::move(tags_); }
  [[nodiscard]] auto begin() const noexcept { return tags_.begin(); }       ///< The first tag.
  [[nodiscard]] auto end() const noexcept { return tags_.end(); }           ///< The end of the tags.
  [[nodiscard]] std::size_t size() const noexcept { return tags_.size(); }  ///< The number of tags.
  [[nodiscard]] bool empty() const noexcept { return tags_.empty(); }       ///< Whether there are no tags.

  /// Returns whether the set has the tag. That is logarithmic in the number of tags.
  [[nodiscard]] bool contains(std::string_view tag) const {
    const auto at = lower_bound(tag);
    return at != tags_.end() && *at == tag;
  }
  friend bool operator==(const tag_set&, const tag_set&) = default;

 private:
  static bool is_a_set(const std::vector<std::string>& tags) {
    for (std::size_t i = 1; i < tags.size(); ++i)
      if (tags[i - 1] >= tags[i]) return false;
    return true;
  }
  [[nodiscard]] std::vector<std::string>::const_iterator lower_bound(std::string_view tag) const {
    auto first = tags_.begin();
    for (auto count = tags_.size(); count > 0;) {
      const auto half = count / 2;
      const auto middle = first + static_cast<std::ptrdiff_t>(half);
      if (std::string_view(*middle) < tag) {
        first = middle + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    return first;
  }
  std::vector<std::string> tags_{};
};

/// The reason and the time of the erasure of a payload.
struct erasure {
  std::string why{};  ///< A reason for a person to read, such as "asked by the customer".
  timestamp when{};   ///< The time of the erasure.
  friend bool operator==(const erasure&, const erasure&) = default;
};

/// The data of an event as bytes of a content type: absent, null, present, or erased.
///
/// Absent and null differ: a CloudEvent without `data` is not one with `"data": null`.
class payload {
 public:
  /// The kinds of payloads, one for each state of the data.
  enum class kind : std::uint8_t {
    absent,   ///< The event has no data.
    null,     ///< The data of the event is null.
    present,  ///< The data is in bytes(), which may be empty.
    erased    ///< The data was erased. erased_how() says why and when.
  };

  payload() = default;
  /// Makes a present payload. Its bytes may be empty.
  payload(std::string content_type, std::string bytes)
      : kind_(kind::present), content_type_(std::move(content_type)), bytes_(std::move(bytes)) {}
  /// Makes the payload of an event that has no data.
  [[nodiscard]] static payload absent(std::string content_type = {}) { return {kind::absent, std::move(content_type)}; }
  /// Makes the payload of an event whose data is null.
  [[nodiscard]] static payload null(std::string content_type = {}) { return {kind::null, std::move(content_type)}; }
  /// Makes the payload of an event whose data was erased.
  [[nodiscard]] static payload erased(erasure how, std::string content_type = {}) {
    payload gone(kind::erased, std::move(content_type));
    gone.bytes_ = std::move(how.why);
    gone.when_ = how.when;
    return gone;
  }

  /// Makes this a present payload, and keeps the memory that it has for the new bytes.
  void assign(std::string_view content_type, std::string_view bytes) {
    kind_ = kind::present;
    content_type_ = content_type;
    bytes_ = bytes;
    when_ = {};
  }

  [[nodiscard]] kind state() const noexcept { return kind_; }                        ///< The kind of the payload.
  [[nodiscard]] bool is_present() const noexcept { return kind_ == kind::present; }  ///< Whether its kind is present.

  /// The content type, `datacontenttype` in CloudEvents. It is empty when there is none.
  [[nodiscard]] const std::string& content_type() const noexcept { return content_type_; }
  /// The bytes of a present payload. They are empty for every other kind.
  [[nodiscard]] std::string_view bytes() const noexcept {
    return is_present() ? std::string_view(bytes_) : std::string_view();
  }
  /// Returns why and when an erased payload was erased. There is no value for every other kind.
  [[nodiscard]] std::optional<erasure> erased_how() const {
    if (kind_ != kind::erased) return std::nullopt;
    return erasure{bytes_, when_};
  }
  friend bool operator==(const payload&, const payload&) = default;

 private:
  payload(kind state, std::string content_type) : kind_(state), content_type_(std::move(content_type)) {}
  kind kind_ = kind::absent;
  std::string content_type_{};
  std::string bytes_{};
  timestamp when_{};
};

/// An event on its way into a store: the attributes of CloudEvents, tags, and data.
///
/// An empty text is an absent attribute: CloudEvents allows no empty ones. `Data` is must::payload, or a one_of of
/// the events of the program. \see CloudEvents 1.0.2, section 3
template <typename Data>
struct basic_event {
  /// The id. Id and `source` together tell the event from every other.
  std::string id{};
  /// The URI-reference of where the event comes from.
  std::string source{};
  /// The stored name of what has happened, such as "UserActivated".
  std::string type{};
  /// The stream that the event is in. It is empty when the event is in none.
  std::string subject{};
  /// The absolute URI of the schema of the data.
  std::string dataschema{};
  /// The time at which the event happened, as the program says. It is stored with the digits and the offset that it
  /// was written with.
  std::optional<timestamp> time{};
  /// The other attributes, must::metadata among them.
  attributes extensions{};
  /// The tags that queries select the event by. An event may have none.
  tag_set tags{};
  /// The data of the event.
  Data data{};

  friend bool operator==(const basic_event&, const basic_event&)
    requires requires(const Data& content) { content == content; }
  = default;
};

/// An event whose data is bytes. Every durable store keeps events so.
using cloud_event = basic_event<payload>;

/// A stored event: the event, where it is stored, and since when.
template <typename Data>
struct recorded : basic_event<Data> {
  /// The position of the event in the one order of the store, from 1. Positions rise, and may have gaps.
  must::position position = 0;
  /// The number of the event in its stream, from 1 and without gaps. It is 0 when the event is in no stream.
  must::version version = 0;
  /// The time at which the store committed the event. It never decreases with the position.
  timestamp recorded_at{};

  friend bool operator==(const recorded&, const recorded&)
    requires requires(const Data& content) { content == content; }
  = default;
};

/// What a store keeps of an event beside its data: the record that `apply(event, record)` of a state and
/// `react(event, record)` of a process manager get.
///
/// It is the same type for every store, and refers to the stored record. A program copies what it needs after the call.
struct event_record {
  /// Refers to a recorded event of any store, which outlives this object.
  template <typename Data>
  event_record(const recorded<Data>& of) noexcept
      : position(of.position),
        version(of.version),
        recorded_at(of.recorded_at),
        time(of.time),
        id(of.id),
        source(of.source),
        type(of.type),
        stream(of.subject),
        extensions(of.extensions),
        tags(of.tags) {}

  must::position position;               ///< The position of the event in the store.
  must::version version;                 ///< The number of the event in its stream. It is 0 without a stream.
  const timestamp& recorded_at;          ///< The time at which the store committed the event.
  const std::optional<timestamp>& time;  ///< The time at which the event happened, as the program said.
  const std::string& id;                 ///< The id of the event.
  const std::string& source;             ///< The source of the event.
  const std::string& type;               ///< The name under which the event is stored.
  const std::string& stream;             ///< The stream that the event is in. It is empty when the event is in none.
  const attributes& extensions;          ///< The other attributes of the event, must::metadata among them.
  const tag_set& tags;                   ///< The tags of the event.
};

}  // namespace must
