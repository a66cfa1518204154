/* The hinge loss with its gradient, asked by a line of JSON:
 *     cc -O2 -o hinge scripts/clients/hinge.c -lm
 *     ebm-ref check --command ./hinge --as hinge
 * A question holds few things, so that no parser of JSON is needed to find them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, LINE = 1 << 20 };

/* What stands behind "name": in the line. */
static const char *after(const char *line, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\": ", name);
  const char *found = strstr(line, key);
  if (!found) exit(1); /* to die is to refuse */
  return found + strlen(key);
}

/* A number, or "nan", "inf", "-inf" as strings, which strtod knows without their quotes. */
static double number(const char **text) {
  *text += **text == '"';
  char *end;
  const double x = strtod(*text, &end);
  *text = end + (*end == '"');
  return x;
}

static size_t numbers(const char *text, double *x) {
  size_t count = 0;
  while (*text != ']' && count < MOST) {
    text++; /* [ or , */
    if (*text == ' ') text++;
    if (*text != ']') x[count++] = number(&text);
  }
  return count;
}

static void print(double x) {
  if (isfinite(x)) printf("%.17g", x);
  else printf(isnan(x) ? "\"nan\"" : x > 0 ? "\"inf\"" : "\"-inf\"");
}

int main(void) {
  static char line[LINE];
  static double E[MOST];
  while (fgets(line, sizeof line, stdin)) {
    const char *id = after(line, "id"), *inputs = after(line, "inputs");
    const char *label = after(inputs, "label"), *margin = after(inputs, "margin");
    const size_t k = numbers(after(inputs, "energies"), E), y = (size_t)number(&label);
    const double m = number(&margin);
    printf("{\"id\": %.*s, ", (int)strcspn(id, ",}"), id);
    if (k < 2 || y >= k || !(m >= 0.0)) {
      printf("\"error\": \"label or margin out of range\"}\n");
    } else {
      size_t o = y == 0; /* the most offending answer: of the wrong ones that of lowest energy */
      for (size_t j = o + 1; j < k; j++)
        if (j != y && (E[j] < E[o] || isnan(E[j]))) o = j;
      const double loss = E[y] - E[o] + m;
      const int violated = !(loss <= 0.0);
      printf("\"value\": ");
      print(violated ? loss : 0.0);
      printf(", \"gradients\": {\"energies\": [");
      for (size_t j = 0; j < k; j++) {
        printf(j ? ", " : "");
        print(isnan(loss) ? loss : violated ? (j == y) - (j == o) : 0);
      }
      printf("]}}\n");
    }
    fflush(stdout);
  }
  return 0;
}
