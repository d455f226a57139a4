// SPDX-License-Identifier: MIT
// JSON as text: its faults, its parts, and strings to and from it. Numbers stay as they are written.
#pragma once

#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::text {

// The depth to which arrays and objects may nest, since what walks them later may recurse.
inline constexpr std::size_t json_depth_limit = 512;

constexpr bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool is_json_digit(char c) { return c >= '0' && c <= '9'; }

inline void append_utf8(std::string& out, std::uint32_t code) {
  const auto add = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xC0U | (code >> 6U));
  } else {
    if (code < 0x10000) {
      add(0xE0U | (code >> 12U));
    } else {
      add(0xF0U | (code >> 18U));
      add(0x80U | ((code >> 12U) & 0x3FU));
    }
    add(0x80U | ((code >> 6U) & 0x3FU));
  }
  add(0x80U | (code & 0x3FU));
}

// Appends valid UTF-8 as a JSON string. What a CloudEvents string may not hold is escaped, so a string can hold JSON.
inline void append_json_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  const auto escape = [&](std::uint32_t unit) {
    (out += "\\u") += {hex[unit >> 12U], hex[(unit >> 8U) & 15U], hex[(unit >> 4U) & 15U], hex[unit & 15U]};
  };
  out += '"';
  while (!text.empty()) {
    const auto before = text;
    const auto code = take_code_point(text);
    if (code == '"' || code == '\\') {
      (out += '\\') += static_cast<char>(code);
    } else if (const auto at = std::string_view("\b\f\n\r\t").find(static_cast<char>(code));
               code < 0x20 && at != std::string_view::npos) {
      (out += '\\') += "bfnrt"[at];
    } else if (!is_barred_character(code)) {
      out += before.substr(0, before.size() - text.size());
    } else if (code < 0x10000) {
      escape(code);
    } else {
      escape(0xD800U + ((code - 0x10000U) >> 10U));
      escape(0xDC00U + ((code - 0x10000U) & 0x3FFU));
    }
  }
  out += '"';
}

// Returns what a valid JSON string, with its quotes, says, or nothing when it escapes half of a surrogate pair.
inline std::optional<std::string> read_json_string(std::string_view literal) {
  literal = literal.substr(1, literal.size() - 2);
  std::string text;
  text.reserve(literal.size());
  const auto unit = [](std::string_view digits) {
    std::uint32_t value = 0;
    for (const char c : digits.substr(0, 4))
      value = value * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    return value;
  };
  for (std::size_t at = 0; at < literal.size(); ++at) {
    if (literal[at] != '\\') {
      text += literal[at];
      continue;
    }
    const char escaped = literal[++at];
    if (escaped != 'u') {
      const auto known = std::string_view("bfnrt").find(escaped);
      text += known == std::string_view::npos ? escaped : "\b\f\n\r\t"[known];
      continue;
    }
    auto code = unit(literal.substr(at + 1));
    at += 4;
    if (code >= 0xDC00 && code <= 0xDFFF) return std::nullopt;
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (literal.substr(at + 1, 2) != "\\u") return std::nullopt;
      const auto low = unit(literal.substr(at + 3));
      if (low < 0xDC00 || low > 0xDFFF) return std::nullopt;
      code = 0x10000U + ((code - 0xD800U) << 10U) + (low - 0xDC00U);
      at += 6;
    }
    append_utf8(text, code);
  }
  return text;
}

// Checks a whole text against RFC 8259, without recursion: UTF-8, depth, and names that an object has twice.
class json_check {
 public:
  explicit json_check(std::string_view text, std::size_t depth = json_depth_limit) : text_(text), depth_(depth) {}

  // Returns what is wrong with the text, as the end of a sentence, or nothing when it is JSON.
  [[nodiscard]] std::optional<std::string> flaw() {
    if (!detail::text::is_utf8(text_)) return "it is not valid UTF-8";
    if (walk()) return std::nullopt;
    return flaw_ + " at byte " + std::to_string(at_);
  }

 private:
  struct frame {
    bool object;
    std::size_t first_name;
  };

  bool walk() {
    do {
      if (!value()) return false;
    } while (!frames_.empty());
    skip_space();
    return at_ == text_.size() || fail("something follows the value");
  }

  // Checks a value, and whatever it closes, up to where the next value starts.
  bool value() {
    skip_space();
    switch (peek()) {
      case '{':
      case '[': {
        const bool object = peek() == '{';
        if (frames_.size() == depth_) return fail("it nests deeper than " + std::to_string(depth_) + " levels");
        frames_.push_back({object, names_.size()});
        ++at_;
        skip_space();
        if (peek() != (object ? '}' : ']')) return !object || name();
        break;
      }
      case '"':
        if (!string()) return false;
        break;
      case 't':
      case 'f':
      case 'n':
        if (!word("true") && !word("false") && !word("null")) return fail("there is no value");
        break;
      default:
        if (!number()) return false;
    }
    return close();
  }

  bool close() {
    while (!frames_.empty()) {
      skip_space();
      const auto [object, first_name] = frames_.back();
      if (peek() == ',') {
        ++at_;
        return !object || name();
      }
      if (peek() != (object ? '}' : ']'))
        return fail(object ? "a \",\" or \"}\" is missing" : "a \",\" or \"]\" is missing");
      ++at_;
      if (object && !names_are_unique(first_name)) return false;
      frames_.pop_back();
    }
    return true;
  }

  bool name() {
    skip_space();
    const auto start = at_;
    if (peek() != '"') return fail("the name of a member is missing");
    if (!string()) return false;
    const auto literal = text_.substr(start, at_ - start);
    names_.push_back(literal.substr(1, literal.size() - 2));
    if (names_.back().find('\\') != std::string_view::npos)
      if (auto decoded = read_json_string(literal)) names_.back() = decoded_.emplace_back(std::move(*decoded));
    skip_space();
    if (peek() != ':') return fail("a \":\" is missing");
    ++at_;
    return true;
  }

  bool names_are_unique(std::size_t first_name) {
    const auto first = names_.begin() + static_cast<std::ptrdiff_t>(first_name);
    std::sort(first, names_.end());
    if (const auto twice = std::adjacent_find(first, names_.end()); twice != names_.end())
      return fail("an object has the name " + detail::text::in_quotes(*twice) + " twice, and ends");
    names_.erase(first, names_.end());
    return true;
  }

  bool string() {
    for (++at_; at_ < text_.size(); ++at_) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return fail("a control character stands in a string");
      if (c != '\\') continue;
      ++at_;
      if (peek() == 'u') {
        for (int i = 0; i < 4; ++i) {
          ++at_;
          const auto digit = static_cast<char>(peek() | 0x20);
          if (!is_json_digit(peek()) && (digit < 'a' || digit > 'f'))
            return fail("an escape \\u has no four hexadecimal digits");
        }
      } else if (at_ == text_.size() || std::string_view("\"\\/bfnrt").find(text_[at_]) == std::string_view::npos) {
        return fail("there is no such escape");
      }
    }
    return fail("a string does not end");
  }

  bool number() {
    if (peek() == '-') ++at_;
    if (!is_json_digit(peek())) return fail("there is no value");
    if (peek() == '0')
      ++at_;
    else
      digits();
    if (peek() == '.') {
      ++at_;
      if (!digits()) return fail("no digit follows the point of a number");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return fail("the exponent of a number has no digits");
    }
    return true;
  }

  bool digits() {
    const auto start = at_;
    while (is_json_digit(peek())) ++at_;
    return at_ > start;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  void skip_space() {
    while (is_json_space(peek())) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool fail(std::string flaw) {
    flaw_ = std::move(flaw);
    return false;
  }

  std::string_view text_;
  std::size_t depth_;
  std::size_t at_ = 0;
  std::string flaw_{};
  std::vector<frame> frames_{};
  std::vector<std::string_view> names_{};
  std::deque<std::string> decoded_{};
};

inline std::optional<std::string> json_flaw(std::string_view text, std::size_t depth = json_depth_limit) {
  return json_check(text, depth).flaw();
}

// Walks the members of an object, or the elements of an array, of a text without faults.
class json_cursor {
 public:
  explicit json_cursor(std::string_view container) : rest_(container) {
    skip_space();
    rest_.remove_prefix(1);
  }
  // Returns whether there is one more. Then its name, where there are names, and its value are to be taken.
  [[nodiscard]] bool next() {
    skip_space();
    if (rest_.front() == ',') rest_.remove_prefix(1), skip_space();
    return rest_.front() != '}' && rest_.front() != ']';
  }
  [[nodiscard]] std::string_view take_name() {
    const auto literal = take_value();
    skip_space();
    rest_.remove_prefix(1);
    skip_space();
    return literal;
  }
  [[nodiscard]] std::string_view take_value() {
    std::size_t at = 0;
    for (std::size_t depth = 0;; ++at) {
      const char c = at < rest_.size() ? rest_[at] : ',';
      if (depth == 0 && at > 0 && (c == ',' || c == ':' || c == '}' || c == ']' || is_json_space(c))) break;
      if (c == '{' || c == '[')
        ++depth;
      else if (c == '}' || c == ']')
        --depth;
      else if (c == '"')
        while (rest_[++at] != '"') at += rest_[at] == '\\';
    }
    const auto value = rest_.substr(0, at);
    rest_.remove_prefix(at);
    return value;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && is_json_space(rest_.front())) rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

// Appends a text without faults on one line, or, with an indent, on a line for each value. Tokens stay as they are.
inline void append_json(std::string& out, std::string_view text, int indent = -1, int level = 0) {
  const auto line = [&] {
    if (indent >= 0) (out += '\n').append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(level), ' ');
  };
  bool opened = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_json_space(c)) continue;
    const bool closes = c == '}' || c == ']';
    if (closes) --level;
    if (closes != opened) line();
    opened = c == '{' || c == '[';
    if (opened) ++level;
    if (c == '"') {
      const auto start = at;
      while (text[++at] != '"') at += text[at] == '\\';
      out += text.substr(start, at - start + 1);
      continue;
    }
    out += c;
    if (c == ',') line();
    if (c == ':' && indent >= 0) out += ' ';
  }
}

}  // namespace must::detail::text
