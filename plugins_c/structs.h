/* Purpose: declarations of structs.c, found beside the plugin.
 * Exports: point_*, options_*, segment_middle, number_bits*, list_sum.
 * Used by: structs.c, tests of structs by value and by pointer. */
#ifndef STRUCTS_H
#define STRUCTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double x, y;
} Point;

typedef struct {
    int level;
    const char *name;
    double weights[3];
} Options;

/* A struct in a struct. */
typedef struct {
    Point from, to;
} Segment;

/* One number, two readings. */
typedef union {
    double real;
    uint64_t bits;
} Number;

typedef struct Node {
    int value;
    struct Node *next; /* NULL ends the list */
} Node;

Point point_add(Point a, Point b);         /* by value, in and out */
void point_scale(Point *p, double k);      /* in place */
int options_level(const Options *opts);    /* -1 for NULL */
double options_total(const Options *opts); /* sum of the weights */
Point segment_middle(Segment segment);     /* 32 bytes: passed in memory */
uint64_t number_bits(const Number *number);
uint64_t number_bits_by_value(Number number); /* more than libffi can do */
int list_sum(const Node *head);

#ifdef __cplusplus
}
#endif

#endif /* STRUCTS_H */
