/*
 * Just enough JSON for the reference program: the members of the outermost object of a well-formed document. Not for
 * input that is not trusted to be well-formed.
 */
#ifndef CONFORMANCE_JSON_H
#define CONFORMANCE_JSON_H

#include <stddef.h>

/* A piece of a document as it stands there; text is NULL for a member that is absent. Borrowed from the document. */
struct json_value {
  const char *text;
  size_t length;
};

/* The value of `key` in the object `json`. */
struct json_value json_member(const char *json, const char *key);

/* The value as it stands, in memory that the caller frees; NULL for one that is absent or null. */
char *json_copy(struct json_value value);

/* The characters of a string, escapes resolved, in memory that the caller frees; NULL for what is no string. */
char *json_string(struct json_value value);

/* The number, or `otherwise` for what is absent. */
long json_number(struct json_value value, long otherwise);

#endif
