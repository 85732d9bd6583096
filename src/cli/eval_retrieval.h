/* eval_retrieval.h - the way of `tame eval` that measures an index, not a model. */
#ifndef CLI_EVAL_RETRIEVAL_H
#define CLI_EVAL_RETRIEVAL_H

/* argv[0] is "retrieval". */
int eval_retrieval_command(int argc, char **argv);

#endif
