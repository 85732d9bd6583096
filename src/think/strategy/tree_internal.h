/* tree_internal.h - what growing a tree of thoughts (tree.c) and judging its partial
 * answers (tree_value.c) share. */
#ifndef THINK_STRATEGY_TREE_INTERNAL_H
#define THINK_STRATEGY_TREE_INTERNAL_H

#include "think/strategy/strategy.h"

enum { TREE_BREADTH, TREE_BEST };
enum { TREE_SAMPLE, TREE_PROPOSE };
enum { TREE_VALUE, TREE_VOTE };

typedef struct TreeNode {
    Str path; /* its thoughts, a line each */
    size_t parent;
    int64_t depth;
    double value;
    bool whole;    /* an answer, not a part of one */
    bool expanded; /* its children are there */
} TreeNode;

typedef struct Tree {
    const Strategy *s; /* the three are borrowed */
    Run *run;
    const Question *q;
    TreeNode *nodes; /* the root, with an empty path, first */
    size_t n, cap;
    size_t *open, *next; /* numbers of nodes: this level's, and the next one's */
    int64_t tokens;
} Tree;

void tree_release(Tree *t);

/* Fills in the values of nodes[from..n). */
NODISCARD Status tree_judge(Tree *t, size_t from, Err *err);

#endif
