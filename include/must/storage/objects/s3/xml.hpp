// SPDX-License-Identifier: MIT
// A strict reader of the XML in which S3 answers: elements and their text, within bounds, and no document type.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail::s3 {

inline constexpr std::size_t deepest_xml = 16;

class xml_reader {
 public:
  explicit xml_reader(std::string_view text) : rest_(text) {}

  // Calls `visit(path, text)` at the end of each element, where a path is such as "ListBucketResult/Contents/Key" and
  // the text is what stands in the element since its last inner element. Returns false when the text is no XML that S3
  // would write. What was visited until then counts for nothing.
  template <typename Visit>
  bool read(Visit&& visit) {
    bool has_root = false;
    for (;;) {
      const auto until = rest_.find('<');
      if (!add_text(rest_.substr(0, until))) return false;
      if (until == rest_.npos) return has_root && starts_.empty();
      rest_.remove_prefix(until + 1);
      if (rest_.starts_with("!--")) {
        if (!skip("-->")) return false;
      } else if (rest_.starts_with('?')) {
        if (!skip("?>")) return false;
      } else if (rest_.starts_with('/')) {
        rest_.remove_prefix(1);
        const auto name = take_name();
        skip_blanks();
        if (starts_.empty() || name != last_name() || !take('>')) return false;
        visit(std::string_view(path_), std::string_view(text_));
        leave();
      } else {
        if (starts_.empty() && has_root) return false;
        has_root = true;
        const auto name = take_name();
        if (name.empty() || starts_.size() == deepest_xml || !skip_attributes()) return false;
        enter(name);
        const bool is_empty = take('/');
        if (!take('>')) return false;
        if (is_empty) {
          visit(std::string_view(path_), std::string_view());
          leave();
        }
      }
    }
  }

 private:
  static constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  static constexpr bool ends_name(char c) {
    return is_blank(c) || c == '>' || c == '/' || c == '=' || c == '<' || c == '"' || c == '\'' || c == '&' || c == '!';
  }

  bool take(char wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip(std::string_view end) {
    const auto at = rest_.find(end);
    if (at == rest_.npos) return false;
    rest_.remove_prefix(at + end.size());
    return true;
  }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  std::string_view take_name() {
    std::size_t size = 0;
    while (size < rest_.size() && !ends_name(rest_[size])) ++size;
    const auto name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return name;
  }
  bool skip_attributes() {
    for (skip_blanks(); !rest_.empty() && rest_.front() != '>' && rest_.front() != '/'; skip_blanks()) {
      if (take_name().empty()) return false;
      skip_blanks();
      if (!take('=')) return false;
      skip_blanks();
      const char quote = rest_.empty() ? '\0' : rest_.front();
      if (quote != '"' && quote != '\'') return false;
      rest_.remove_prefix(1);
      if (!skip(std::string_view(&quote, 1))) return false;
    }
    return true;
  }

  [[nodiscard]] std::string_view last_name() const { return std::string_view(path_).substr(starts_.back()); }
  void enter(std::string_view name) {
    if (!path_.empty()) path_ += '/';
    starts_.push_back(path_.size());
    path_ += name;
    text_.clear();
  }
  void leave() {
    path_.resize(starts_.back() == 0 ? 0 : starts_.back() - 1);
    starts_.pop_back();
    text_.clear();
  }

  // Outside of the root stand blanks alone.
  bool add_text(std::string_view raw) {
    for (std::size_t at = 0; at < raw.size(); ++at) {
      if (starts_.empty() && !is_blank(raw[at])) return false;
      if (raw[at] != '&') {
        text_ += raw[at];
        continue;
      }
      const auto end = raw.substr(at, 12).find(';');
      if (end == raw.npos || !add_entity(raw.substr(at + 1, end - 1))) return false;
      at += end;
    }
    return true;
  }
  bool add_entity(std::string_view name) {
    struct named {
      std::string_view name;
      char means;
    };
    for (const auto& one :
         {named{"amp", '&'}, named{"lt", '<'}, named{"gt", '>'}, named{"quot", '"'}, named{"apos", '\''}})
      if (one.name == name) {
        text_ += one.means;
        return true;
      }
    const auto point = code_point_of(name);
    if (!point) return false;
    add_utf8(*point);
    return true;
  }
  static std::optional<std::uint32_t> code_point_of(std::string_view name) {
    if (!name.starts_with('#')) return std::nullopt;
    name.remove_prefix(1);
    const std::uint32_t base = name.starts_with('x') ? 16 : 10;
    if (base == 16) name.remove_prefix(1);
    if (name.empty()) return std::nullopt;
    std::uint32_t point = 0;
    for (const char c : name) {
      const auto small = static_cast<char>(c | 0x20);
      const std::uint32_t digit = c >= '0' && c <= '9'           ? static_cast<std::uint32_t>(c - '0')
                                  : small >= 'a' && small <= 'f' ? static_cast<std::uint32_t>(small - 'a') + 10
                                                                 : base;
      if (digit >= base) return std::nullopt;
      point = point * base + digit;
      if (point > 0x10FFFF) return std::nullopt;
    }
    if (point == 0 || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
    return point;
  }
  void add_utf8(std::uint32_t point) {
    const auto add = [&](std::uint32_t byte) { text_ += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (point < 0x80) return add(point);
    if (point < 0x800) {
      add(0xC0U | (point >> 6U));
    } else if (point < 0x10000) {
      add(0xE0U | (point >> 12U));
      add(0x80U | ((point >> 6U) & 0x3FU));
    } else {
      add(0xF0U | (point >> 18U));
      add(0x80U | ((point >> 12U) & 0x3FU));
      add(0x80U | ((point >> 6U) & 0x3FU));
    }
    add(0x80U | (point & 0x3FU));
  }

  std::string_view rest_;
  std::string path_{}, text_{};
  std::vector<std::size_t> starts_{};  // Where the name of each open element begins in the path.
};

}  // namespace must::detail::s3
