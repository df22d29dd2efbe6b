/* Purpose: declarations of variables.c, found beside the plugin.
 * Exports: a variable of every kind; get_*, *_sum, call_hook read them.
 * Used by: variables.c, tests of reading and writing variables. */
#ifndef VARIABLES_H
#define VARIABLES_H
#include <stdbool.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct {
    double x, y;
} Point;

extern int8_t var_int8;
extern uint8_t var_uint8;
extern int16_t var_int16;
extern uint16_t var_uint16;
extern int32_t var_int32;
extern uint32_t var_uint32;
extern int64_t var_int64;
extern uint64_t var_uint64;
extern float var_float;
extern double var_double;
extern bool flag;
extern char letter;
extern const int limit;      /* in read-only memory */
extern const char version[]; /* in read-only memory, length undeclared */
extern const char *Name;
extern char label[16];
extern int table[4];
extern double matrix[2][3];
extern Point origin;
extern int *cursor;        /* points to table[0] at first */
extern int (*hook)(int x); /* NULL until the program sets it */

/* What C sees in the variables. */
int8_t get_int8(void);
uint8_t get_uint8(void);
int16_t get_int16(void);
uint16_t get_uint16(void);
int32_t get_int32(void);
uint32_t get_uint32(void);
int64_t get_int64(void);
uint64_t get_uint64(void);
float get_float(void);
double get_double(void);
bool get_flag(void);
char get_letter(void);
const char *get_name(void);
const char *get_label(void);
Point get_origin(void);
int get_cursor(void); /* what cursor points to */
int table_sum(void);
double matrix_sum(void);
int call_hook(int x); /* -1 while hook is NULL */
#ifdef __cplusplus
}
#endif
#endif
