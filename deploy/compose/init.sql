-- The table that the node in compose.yaml loads from.
create table users (
  id integer primary key,
  name text not null,
  email text not null
);

insert into users
select n, 'User ' || n, 'user' || n || '@example.org'
from generate_series(1, 1000) as n;
