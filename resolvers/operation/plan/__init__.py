"""Operations run by a plan that is made of them once: column by column, where graphql-core goes field by field. Nothing of the domain."""
