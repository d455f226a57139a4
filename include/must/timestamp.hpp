// SPDX-License-Identifier: MIT
// timestamp: an instant that remembers how it was written, and is read and written as RFC 3339.
#pragma once

#include "must/error.hpp"
#include "must/result.hpp"
#include "must/text/quoted.hpp"

#include <time.h>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace must {

namespace detail {

// The spans of std::chrono, without <chrono>.
template <typename Duration>
concept ChronoSpan = requires(Duration span) {
  span.count();
  Duration::period::num;
  Duration::period::den;
};

}  // namespace detail

/// A span of time in microseconds. Every std::chrono::duration converts to it, and it converts to every one.
struct duration {
  std::int64_t microseconds = 0;  ///< The number of microseconds, which may be negative.

  constexpr duration() = default;
  constexpr explicit duration(std::int64_t count) : microseconds(count) {}  ///< A number of microseconds.

  /// Converts a std::chrono::duration. A span that 64 bits of microseconds cannot hold becomes the nearest that they
  /// can.
  template <detail::ChronoSpan Duration>
  constexpr duration(Duration span)
      : microseconds(
            rounded(static_cast<long double>(span.count()) * 1e6L * Duration::period::num / Duration::period::den)) {}
  /// Converts to a std::chrono::duration, as std::chrono::duration_cast does: what is less than one of its units is cut
  /// off. A span that it cannot hold becomes the nearest that it can.
  template <detail::ChronoSpan Duration>
  constexpr operator Duration() const {
    const auto count = in_units_of<typename Duration::period>();
    if (count >= static_cast<long double>(Duration::max().count())) return Duration::max();
    if (count <= static_cast<long double>(Duration::min().count())) return Duration::min();
    return Duration(static_cast<typename Duration::rep>(count));
  }
  friend constexpr auto operator<=>(const duration&, const duration&) = default;

 private:
  // One multiplication or one division: the whole units are exact.
  template <typename Period>
  [[nodiscard]] constexpr long double in_units_of() const {
    constexpr auto units = static_cast<long double>(Period::den), span = 1e6L * Period::num;
    if constexpr (units >= span)
      return static_cast<long double>(microseconds) * (units / span);
    else
      return static_cast<long double>(microseconds) / (span / units);
  }
  // The nearest there is: a span like hours::max() is beyond what 64 bits of microseconds hold.
  static constexpr std::int64_t rounded(long double count) {
    if (count >= 9.223372036854775807e18L) return INT64_MAX;
    if (count <= -9.223372036854775807e18L) return INT64_MIN;
    return count == count ? static_cast<std::int64_t>(count) : 0;
  }
};

/// An instant that is written back as it was read, save that "t" and "z" become "T" and "Z".
///
/// Timestamps compare as instants: their offsets and numbers of digits do not count.
/// \see RFC 3339, section 5.6; CloudEvents 1.0.2, "Type System" and "time"
struct timestamp {
  std::int64_t microseconds = 0;              ///< Microseconds since 1970-01-01T00:00:00Z, without leap seconds.
  std::uint32_t femtoseconds_of_billion = 0;  ///< Digits 7 to 15 of the fraction, 0 to 999,999,999.
  std::int16_t offset_minutes = 0;            ///< Minutes east of UTC, -1439 to 1439.
  std::uint8_t digits = 0;                    ///< The number of digits of the fraction as written, 0 to 15.

  /// The ways to write an offset: "Z", "+01:00", or "-00:00", which means an unknown offset. Each may be in a leap
  /// second, whose second is 60.
  enum class notation : std::uint8_t {
    z,
    numeric,
    unknown_offset,
    z_leap,
    numeric_leap,
    unknown_offset_leap
  } written = notation::z;  ///< The notation of the offset.

  /// Reads a date-time of RFC 3339 with any offset, and a fraction of up to 15 digits.
  /// \returns the instant, or an error (bad_input) whose message says what is wrong
  [[nodiscard]] static result<timestamp> parse(std::string_view text);
  /// Returns the text that parse has read. An instant that a clock of `must` made is written with six digits and "Z".
  [[nodiscard]] std::string to_string() const;

  friend constexpr std::strong_ordering operator<=>(const timestamp& left, const timestamp& right) {
    if (const auto order = left.microseconds <=> right.microseconds; std::is_neq(order)) return order;
    return left.femtoseconds_of_billion <=> right.femtoseconds_of_billion;
  }
  friend constexpr bool operator==(const timestamp& left, const timestamp& right) { return std::is_eq(left <=> right); }
};

/// The clock that a store takes the time from. Many threads call it at once.
class clock {
 public:
  virtual ~clock() = default;
  [[nodiscard]] virtual timestamp now() = 0;  ///< Returns the present, which may stand still or go back.
};

/// The clock of the machine, in UTC.
class system_clock final : public clock {
 public:
  /// Returns the present, to the microsecond.
  [[nodiscard]] timestamp now() override {
    ::timespec spec{};
    ::clock_gettime(CLOCK_REALTIME, &spec);
    return {.microseconds = std::int64_t{spec.tv_sec} * 1'000'000 + spec.tv_nsec / 1'000, .digits = 6};
  }
  /// Returns the only instance.
  [[nodiscard]] static clock& instance() {
    static system_clock the_clock;
    return the_clock;
  }
};

namespace detail {

// A century, in microseconds: no span that is waited for is longer.
inline constexpr std::int64_t longest_span = std::int64_t{100} * 365 * 24 * 3'600 * 1'000'000;

// Days from 1970-01-01 of a date in the proleptic Gregorian calendar, and back.
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

struct civil_date {
  std::int64_t year;
  unsigned month, day;
};

constexpr civil_date civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2), month,
          day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

constexpr unsigned days_in_month(std::int64_t year, unsigned month) {
  constexpr unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

// Takes fixed-width numbers and single characters from the front of a text.
class text_reader {
 public:
  explicit text_reader(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool number(std::size_t width, unsigned& value) {
    if (rest_.size() < width) return false;
    value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (!digit(rest_[i])) return false;
      value = value * 10 + static_cast<unsigned>(rest_[i] - '0');
    }
    rest_.remove_prefix(width);
    return true;
  }
  [[nodiscard]] bool one_of(std::string_view choices) {
    if (rest_.empty() || choices.find(rest_.front()) == std::string_view::npos) return false;
    taken_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] std::string_view digits() {
    std::size_t count = 0;
    while (count < rest_.size() && digit(rest_[count])) ++count;
    const auto run = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return run;
  }
  [[nodiscard]] char taken() const { return taken_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  static bool digit(char c) { return c >= '0' && c <= '9'; }
  std::string_view rest_;
  char taken_ = '\0';
};

inline unexpected<error> bad_timestamp(std::string_view given, const char* reason) {
  return unexpected<error>(error{.code = error_code::bad_input,
                                 .message = text::in_quotes(given) + " is not an RFC 3339 timestamp: " + reason,
                                 .field = "timestamp"});
}

inline void append_padded(std::string& text, std::uint64_t value, std::size_t width) {
  const auto digits = std::to_string(value);
  if (digits.size() < width) text.append(width - digits.size(), '0');
  text += digits;
}

}  // namespace detail

inline result<timestamp> timestamp::parse(std::string_view text) {
  detail::text_reader reader(text);
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!reader.number(4, year) || !reader.one_of("-") || !reader.number(2, month) || !reader.one_of("-") ||
      !reader.number(2, day))
    return detail::bad_timestamp(text, "it does not start with YYYY-MM-DD");
  if (month < 1 || month > 12 || day < 1 || day > detail::days_in_month(year, month))
    return detail::bad_timestamp(text, "there is no such day");
  if (!reader.one_of("Tt")) return detail::bad_timestamp(text, "there is no \"T\" between date and time");
  if (!reader.number(2, hour) || !reader.one_of(":") || !reader.number(2, minute) || !reader.one_of(":") ||
      !reader.number(2, second))
    return detail::bad_timestamp(text, "the time is not hh:mm:ss");
  if (hour > 23 || minute > 59 || second > 60) return detail::bad_timestamp(text, "there is no such time of day");

  timestamp read;
  std::uint64_t fraction = 0;
  if (reader.one_of(".")) {
    const auto run = reader.digits();
    if (run.empty() || run.size() > 15) return detail::bad_timestamp(text, "the fraction does not have 1 to 15 digits");
    for (std::size_t i = 0; i < 15; ++i) fraction = fraction * 10 + (i < run.size() ? std::uint64_t(run[i] - '0') : 0);
    read.digits = static_cast<std::uint8_t>(run.size());
  }
  const bool leap = second == 60;
  if (!reader.one_of("Zz+-")) return detail::bad_timestamp(text, "there is no offset");
  if (reader.taken() == '+' || reader.taken() == '-') {
    const bool west = reader.taken() == '-';
    unsigned offset_hour = 0, offset_minute = 0;
    if (!reader.number(2, offset_hour) || !reader.one_of(":") || !reader.number(2, offset_minute) || offset_hour > 23 ||
        offset_minute > 59)
      return detail::bad_timestamp(text, "the offset is not +hh:mm or -hh:mm");
    const int minutes = static_cast<int>(offset_hour * 60 + offset_minute);
    read.offset_minutes = static_cast<std::int16_t>(west ? -minutes : minutes);
    const bool unknown = west && minutes == 0;
    read.written = unknown ? leap ? notation::unknown_offset_leap : notation::unknown_offset
                   : leap  ? notation::numeric_leap
                           : notation::numeric;
  } else {
    read.written = leap ? notation::z_leap : notation::z;
  }
  if (!reader.at_end()) return detail::bad_timestamp(text, "something follows the offset");

  const auto seconds = detail::days_from_civil(year, month, day) * 86'400 + std::int64_t{hour} * 3'600 +
                       std::int64_t{minute} * 60 + second - std::int64_t{read.offset_minutes} * 60;
  if (leap && seconds % 86'400 != 0) return detail::bad_timestamp(text, "a leap second ends a day of UTC");
  read.microseconds = seconds * 1'000'000 + static_cast<std::int64_t>(fraction / 1'000'000'000);
  read.femtoseconds_of_billion = static_cast<std::uint32_t>(fraction % 1'000'000'000);
  return read;
}

inline std::string timestamp::to_string() const {
  const bool leap =
      written == notation::z_leap || written == notation::numeric_leap || written == notation::unknown_offset_leap;
  const auto floor_divide = [](std::int64_t value, std::int64_t by) { return value / by - (value % by < 0 ? 1 : 0); };
  const auto seconds = floor_divide(microseconds, 1'000'000) + std::int64_t{offset_minutes} * 60 - (leap ? 1 : 0);
  const auto days = floor_divide(seconds, 86'400);
  const auto date = detail::civil_from_days(days);
  const auto of_day = static_cast<std::uint64_t>(seconds - days * 86'400);

  std::string text;
  text.reserve(36);
  detail::append_padded(text, static_cast<std::uint64_t>(date.year), 4);
  detail::append_padded(text += '-', date.month, 2);
  detail::append_padded(text += '-', date.day, 2);
  detail::append_padded(text += 'T', of_day / 3'600, 2);
  detail::append_padded(text += ':', of_day / 60 % 60, 2);
  detail::append_padded(text += ':', of_day % 60 + (leap ? 1 : 0), 2);
  if (digits > 0) {
    std::string fraction;
    detail::append_padded(fraction, static_cast<std::uint64_t>((microseconds % 1'000'000 + 1'000'000) % 1'000'000), 6);
    detail::append_padded(fraction, femtoseconds_of_billion, 9);
    text += '.' + fraction.substr(0, digits);
  }
  if (written == notation::z || written == notation::z_leap) return text += 'Z';
  const auto minutes = static_cast<std::uint64_t>(offset_minutes < 0 ? -offset_minutes : offset_minutes);
  const bool unknown = written == notation::unknown_offset || written == notation::unknown_offset_leap;
  text += offset_minutes < 0 || unknown ? '-' : '+';
  detail::append_padded(text, minutes / 60, 2);
  detail::append_padded(text += ':', minutes % 60, 2);
  return text;
}

}  // namespace must
