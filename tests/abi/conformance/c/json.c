#include "json.h"

#include <stdlib.h>
#include <string.h>

/* Behind the string that begins at `at`, its opening quote. */
static const char *behind_string(const char *at) {
  for (++at; *at != '\0' && *at != '"'; ++at)
    if (*at == '\\' && at[1] != '\0') ++at;
  return *at == '"' ? at + 1 : at;
}

/* Behind the value that begins at `at`. */
static const char *behind_value(const char *at) {
  int depth = 0;
  for (; *at != '\0'; ++at) {
    if (*at == '"') {
      at = behind_string(at) - 1;
    } else if (*at == '{' || *at == '[') {
      ++depth;
    } else if (*at == '}' || *at == ']') {
      if (depth == 0) return at;
      --depth;
    } else if (*at == ',' && depth == 0) {
      return at;
    }
    if (depth == 0 && (*at == '}' || *at == ']' || *at == '"')) return at + 1;
  }
  return at;
}

static const char *behind_blanks(const char *at) {
  return at + strspn(at, " \t\r\n");
}

struct json_value json_member(const char *json, const char *key) {
  const size_t length = strlen(key);
  const struct json_value absent = {NULL, 0};
  const char *at = behind_blanks(json);
  if (*at != '{') return absent;
  for (at = behind_blanks(at + 1); *at == '"'; at = behind_blanks(at + 1)) {
    const char *const name = at + 1;
    struct json_value value;
    int is_it;
    at = behind_string(at);
    is_it = (size_t)(at - name) == length + 1 && strncmp(name, key, length) == 0;
    at = behind_blanks(at);
    value.text = behind_blanks(*at == ':' ? at + 1 : at);
    at = behind_value(value.text);
    value.length = (size_t)(at - value.text);
    if (is_it) return value;
    at = behind_blanks(at);
    if (*at != ',') break;
  }
  return absent;
}

static int is_null(struct json_value value) {
  return value.text == NULL || (value.length == 4 && strncmp(value.text, "null", 4) == 0);
}

static char *copy(const char *text, size_t length) {
  char *const made = malloc(length + 1);
  if (made == NULL) abort();
  memcpy(made, text, length);
  made[length] = '\0';
  return made;
}

char *json_copy(struct json_value value) {
  return is_null(value) ? NULL : copy(value.text, value.length);
}

/* Writes the character of a \u escape; the runner escapes only what has to be, so there are no surrogates. */
static char *write_escaped(char *out, const char *digits) {
  char four[5] = {0};
  unsigned long code;
  memcpy(four, digits, 4);
  code = strtoul(four, NULL, 16);
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xc0 | (code >> 6));
    *out++ = (char)(0x80 | (code & 0x3f));
  } else {
    *out++ = (char)(0xe0 | (code >> 12));
    *out++ = (char)(0x80 | ((code >> 6) & 0x3f));
    *out++ = (char)(0x80 | (code & 0x3f));
  }
  return out;
}

char *json_string(struct json_value value) {
  static const char escapes[] = "b\bf\fn\nr\rt\t";
  char *made;
  char *out;
  size_t i;
  if (value.text == NULL || *value.text != '"') return NULL;
  made = copy(value.text, value.length);
  out = made;
  for (i = 1; i + 1 < value.length; ++i) {
    const char *known;
    if (value.text[i] != '\\') {
      *out++ = value.text[i];
      continue;
    }
    ++i;
    known = strchr(escapes, value.text[i]);
    if (value.text[i] == 'u') {
      out = write_escaped(out, value.text + i + 1);
      i += 4;
    } else {
      *out++ = known != NULL ? known[1] : value.text[i];
    }
  }
  *out = '\0';
  return made;
}

long json_number(struct json_value value, long otherwise) {
  return is_null(value) ? otherwise : strtol(value.text, NULL, 10);
}
