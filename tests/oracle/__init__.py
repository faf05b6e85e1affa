"""Operations that nobody would write, and the judgement whether a plan and graphql-core answered them alike."""
