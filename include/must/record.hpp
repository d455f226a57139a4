// SPDX-License-Identifier: MIT
// The envelope of an event: what CloudEvents says of it, must's tags, and where it is stored.
#pragma once

#include "must/fwd.hpp"
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

/// Bytes, a URI and a URI-reference: attribute values that are texts of their own kind.
struct binary {
  std::string bytes{};  ///< any
  friend bool operator==(const binary&, const binary&) = default;
};
/// An absolute URI.
struct uri {
  std::string text{};  ///< as RFC 3986 writes it
  friend bool operator==(const uri&, const uri&) = default;
};
/// A URI, or one relative to another.
struct uri_reference {
  std::string text{};  ///< as RFC 3986 writes it
  friend bool operator==(const uri_reference&, const uri_reference&) = default;
};

/// The value of an attribute. \see CloudEvents 1.0.2, section 3.2 "Type System"
using attribute_value = std::variant<bool, std::int32_t, std::string, binary, uri, uri_reference, timestamp>;

/// Attributes by name; names are `[a-z0-9]+`.
using attributes = std::map<std::string, attribute_value, std::less<>>;  // NOLINT(misc-include-cleaner)

/// The tags of an event: a set, sorted bytewise.
class tag_set {
 public:
  tag_set() = default;
  /// Of these, in any order, repeats left out.
  tag_set(std::initializer_list<std::string_view> tags) : tag_set(std::vector<std::string>(tags.begin(), tags.end())) {}
  /// Has these tags, repeats left out. Linear in their number when they are sorted, else N log N.
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

  /// Adds a tag, unless it is there. Linear in the number of tags.
  void insert(std::string tag) {
    const auto at = lower_bound(tag);
    if (at == tags_.end() || *at != tag) tags_.insert(at, std::move(tag));
  }
  /// Gives the tags away, sorted.
  [[nodiscard]] std::vector<std::string> release() && { return std::move(tags_); }
  [[nodiscard]] auto begin() const noexcept { return tags_.begin(); }       ///< the tags, sorted bytewise
  [[nodiscard]] auto end() const noexcept { return tags_.end(); }           ///< their end
  [[nodiscard]] std::size_t size() const noexcept { return tags_.size(); }  ///< how many there are
  [[nodiscard]] bool empty() const noexcept { return tags_.empty(); }       ///< whether there is none

  /// Whether a tag is there. Logarithmic.
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

/// Why and when the bytes of a payload were erased.
struct erasure {
  std::string why{};  ///< for a person: "asked by the customer"
  timestamp when{};   ///< of the erasure, not of the event
  friend bool operator==(const erasure&, const erasure&) = default;
};

/// The data of an event as bytes of a content type: absent, null, present, or erased.
///
/// Absent and null differ: a CloudEvent without `data` is not one with `"data": null`.
class payload {
 public:
  /// What there is of the data.
  enum class kind : std::uint8_t { absent, null, present, erased };

  payload() = default;
  /// A present one; no bytes are bytes, too.
  payload(std::string content_type, std::string bytes)
      : kind_(kind::present), content_type_(std::move(content_type)), bytes_(std::move(bytes)) {}
  /// The event has no data.
  [[nodiscard]] static payload absent(std::string content_type = {}) { return {kind::absent, std::move(content_type)}; }
  /// The event has data, which is null.
  [[nodiscard]] static payload null(std::string content_type = {}) { return {kind::null, std::move(content_type)}; }
  /// The event had data.
  [[nodiscard]] static payload erased(erasure how, std::string content_type = {}) {
    payload gone(kind::erased, std::move(content_type));
    gone.bytes_ = std::move(how.why);
    gone.when_ = how.when;
    return gone;
  }

  /// Becomes a present one, in the memory that it has.
  void assign(std::string_view content_type, std::string_view bytes) {
    kind_ = kind::present;
    content_type_ = content_type;
    bytes_ = bytes;
    when_ = {};
  }

  [[nodiscard]] kind state() const noexcept { return kind_; }                        ///< which of the four it is
  [[nodiscard]] bool is_present() const noexcept { return kind_ == kind::present; }  ///< whether there are bytes

  /// CloudEvents' `datacontenttype`; empty when there is none.
  [[nodiscard]] const std::string& content_type() const noexcept { return content_type_; }
  /// The bytes of a present payload; empty for every other.
  [[nodiscard]] std::string_view bytes() const noexcept {
    return is_present() ? std::string_view(bytes_) : std::string_view();
  }
  /// What is known of an erased payload; nothing for every other.
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

/// An event on its way into a store: CloudEvents' attributes, tags, and data.
///
/// `subject` is the stream. An empty optional text is an absent attribute: CloudEvents allows no empty one.
/// Data is payload, or one_of the user's events. \see CloudEvents 1.0.2, section 3
template <typename Data>
struct basic_event {
  std::string id{};                 ///< with `source`, tells the event from every other
  std::string source{};             ///< where it comes from: a URI-reference
  std::string type{};               ///< what has happened: "UserActivated"
  std::string subject{};            ///< the stream
  std::string dataschema{};         ///< the absolute URI of the schema of the data
  std::optional<timestamp> time{};  ///< when it happened, as the user says; kept as it was written
  attributes extensions{};          ///< what else is known of it, metadata among it
  tag_set tags{};                   ///< what queries select it by
  Data data{};                      ///< a payload, or one_of the user's events

  friend bool operator==(const basic_event&, const basic_event&)
    requires requires(const Data& content) { content == content; }
  = default;
};

/// A CloudEvent whose data is kept as bytes: what every durable store keeps.
using cloud_event = basic_event<payload>;

/// An event as a store gives it back.
template <typename Data>
struct recorded : basic_event<Data> {
  must::position position = 0;  ///< in the one order of the store, from 1
  must::version version = 0;    ///< in its stream; 0 when it has none
  timestamp recorded_at{};      ///< set while committing; never decreases with the position

  friend bool operator==(const recorded&, const recorded&)
    requires requires(const Data& content) { content == content; }
  = default;
};

}  // namespace must
